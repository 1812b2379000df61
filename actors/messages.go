package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// The messages of this package, by addressee.
//
//	message            sent by              answered with
//	------------------------------------------------------------------------
//	ARQ
//	  proposeARQ       operation            arqProposal, to the operation
//	  decided          operation            -
//	  offerExpired     its own timer        -
//	  passivate        the sweep            -
//	device
//	  proposeDevice    operation            deviceProposal, to the operation
//	  decided          operation            -
//	  offerExpired     its own timer        -
//	  setEnabled ...   System               its promise
//	  cleanUp          System, itself       -
//	  commandDone      its own worker       -
//	  deviceWritten    the store            -
//	  hostArrived      waiting room         -
//	operation
//	  begin            System               its promise
//	  arqProposal      ARQ                  -
//	  deviceProposal   device               -
//	  batchDone        the store            -
//	  commandsDone     device               -
//	  bindDeadline     its own timer        -
//	device profile
//	  createARQs       System               its promise
//	  proposeDeletion  operation            profileProposal, to the operation
//	  decided          operation            -
//	  createsSettled   the store            -
//	project (only with a quota)
//	  admitCreate      System               its promise
//	  createdOrNot     device profile       -
//	registry
//	  registerDevices  System               its promise
//	  registered       the store            -
//	  createProfile    System               its promise
//	waiting room (only after a restore)
//	  hostReported     System               its promise
//	  awaitedWritten   the store            -
//	host (with an agent)
//	  openSession ...  System               its promise
//	  inventoryTaken   its own worker       -
//	  hostTick         its own timer        -
//	  hostTurned       itself               -
//	  hostWritten      the store            -
//	outbox
//	  queued           the store            -
//	  delivered        its own worker       -
//	  retry            its own timer        -
//	  holdsEnded       the store            -

// round is one attempt of an operation: the address of its actor, and a number
// that no other attempt has had since the start. Addresses are used again (see
// bodies); what answers a round, or decides on what was offered in it, names it.
type round struct {
	pid    *actor.PID
	number uint64
}

// nextRound gives the number of a round.
func (s *System) nextRound() uint64 { return s.rounds.Add(1) }

// answersRound says that a message is for an operation. One that comes late is not
// for whoever has its body by then: he would count it as one of those that he was
// sent, and leave while another is on its way.
func answersRound(msg any) bool {
	switch msg.(type) {
	case *arqProposal, *deviceProposal, *profileProposal, *batchDone, *commandsDone, bindDeadline, withdraw:
		return true
	}
	return false
}

// passivate asks an idle virtual actor to leave.
type passivate struct{}

// offerExpired tells an actor that a proposal it made was undecided for long.
// An ARQ is told which one.
type offerExpired struct{ op round }

// proposeARQ asks an ARQ whether it would take part in an operation.
type proposeARQ struct {
	op     round
	engine *engine
	index  int
	ask    arqAsk
}

// arqProposal is the committed state an ARQ would change from, or why not.
type arqProposal struct {
	round uint64
	index int
	arq   *ARQ
	err   error
}

func (m *proposeARQ) answer(a *ARQ, err error) {
	m.engine.tell(m.op.pid, &arqProposal{round: m.op.number, index: m.index, arq: a, err: err})
}

func (m *proposeARQ) fail(err error) { m.answer(nil, err) }

// decided tells a participant what became of what it proposed to op.
type decided struct {
	op  round
	won bool
}

// commandsDone tells an operation that a device has carried out the commands
// of a bind that was won, or could not.
type commandsDone struct {
	round uint64
	err   error
}

// batchDone is the store's verdict on an operation's batch.
type batchDone struct {
	round  uint64
	batch  *batch
	result persistence.Result
}

// preparationResumed starts an operation that a restart has cut short.
type preparationResumed struct{ left time.Duration }

// bindDeadline ends the preparation of a bind that takes too long.
type bindDeadline struct{ round uint64 }

// begin starts an operation.
type begin struct{}

// createProfile makes a device profile.
type createProfile struct {
	profile *Profile
	promise promise[*Profile]
}

func (m *createProfile) fail(err error) { m.promise.fail(err) }

// proposeDeletion asks a profile whether it could be deleted.
type proposeDeletion struct {
	op     round
	engine *engine
	index  int
}

// profileProposal answers proposeDeletion.
type profileProposal struct {
	round   uint64
	index   int
	profile *Profile
	err     error
}

func (m *proposeDeletion) answer(p *Profile, err error) {
	m.engine.tell(m.op.pid, &profileProposal{round: m.op.number, index: m.index, profile: p, err: err})
}

func (m *proposeDeletion) fail(err error) { m.answer(nil, err) }

// deletionIsLong tells a profile that the deletion it waits for takes long.
type deletionIsLong struct{ op round }

// withdraw ends a deletion that has not been handed to the store yet. One that
// has been is ahead of every create that the profile would let go.
type withdraw struct{ round uint64 }

// createsSettled tells a profile that the creates on their way are decided.
type createsSettled struct{}

// registerDevices makes the records of devices that a host reports for the
// first time, and gives numbers to deployables that known ones have grown.
type registerDevices struct {
	hostname string
	found    []foundDevice
	promise  promise[[]registration]
}

// registration is a device on record, to be refreshed with what was found.
type registration struct {
	device  uuid.UUID
	found   foundDevice
	numbers map[string]int
}

// registered is the store's verdict on new device records.
type registered struct {
	batch  *batch
	result persistence.Result
	next   sequence
	all    []registration
	asked  *registerDevices
}

func (m *registered) fail(err error) { m.asked.fail(err) }

func (m *registerDevices) fail(err error) { m.promise.fail(err) }
