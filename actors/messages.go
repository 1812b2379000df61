package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
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

// passivate asks an idle virtual actor to leave.
type passivate struct{}

// offerExpired tells an actor that a proposal it made was undecided for long.
// An ARQ is told which one.
type offerExpired struct{ op *actor.PID }

// proposeARQ asks an ARQ whether it would take part in an operation.
type proposeARQ struct {
	op      *actor.PID
	engine  *engine
	attempt int
	index   int
	ask     arqAsk
}

// arqProposal is the committed state an ARQ would change from, or why not.
type arqProposal struct {
	attempt int
	index   int
	arq     *ARQ
	err     error
}

func (m *proposeARQ) answer(a *ARQ, err error) {
	m.engine.tell(m.op, &arqProposal{attempt: m.attempt, index: m.index, arq: a, err: err})
}

func (m *proposeARQ) fail(err error) { m.answer(nil, err) }

// decided tells a participant what became of what it proposed to op.
type decided struct {
	op  *actor.PID
	won bool
}

// proposeDevice asks a device for handles, all of them or none, and for the
// release of others.
type proposeDevice struct {
	op      *actor.PID
	engine  *engine
	attempt int
	index   int
	wants   []handleWant
	gives   []handleGive
}

// handleWant is an ARQ that wants a handle of a deployable.
type handleWant struct {
	arq        *ARQ
	deployable uuid.UUID
	hostname   string
	image      uuid.UUID // that must be loaded; zero: none
}

// handleGive is an ARQ that gives its handle back.
type handleGive struct {
	arq    uuid.UUID
	handle uuid.UUID
}

// deviceProposal answers proposeDevice: the handles as they would be, in the
// order of the wants, and what must be done before a guest can use them.
type deviceProposal struct {
	attempt    int
	index      int
	generation uint64 // of the device's record
	taken      []change[heldHandle]
	given      []change[heldHandle]
	commands   []devices.Command
	records    []*commandRecord // of the commands, if an agent carries them out
	// Only where an image is to be loaded: the device with that image no longer
	// known, and the other handles, which must still be free when it is written.
	device *change[Device]
	idle   []*heldHandle
	// Only where there are too few free handles: those that are not free, and
	// must not be when the failure is written.
	away []*heldHandle
	err  error
}

func (m *proposeDevice) answer(p *deviceProposal) {
	p.attempt, p.index = m.attempt, m.index
	m.engine.tell(m.op, p)
}

func (m *proposeDevice) fail(err error) { m.answer(&deviceProposal{err: err}) }

// commandsDone tells an operation that a device has carried out the commands
// of a bind that was won, or could not.
type commandsDone struct{ err error }

// batchDone is the store's verdict on an operation's batch.
type batchDone struct {
	attempt int
	batch   *batch
	result  persistence.Result
}

// preparationResumed starts an operation that a restart has cut short.
type preparationResumed struct{ left time.Duration }

// bindDeadline ends the preparation of a bind that takes too long.
type bindDeadline struct{}

// begin starts an operation.
type begin struct{}

// setEnabled is the operator's enable or disable.
type setEnabled struct {
	enabled bool
	promise promise[struct{}]
}

func (m *setEnabled) fail(err error) { m.promise.fail(err) }

// program loads a bitstream for an administrator.
type program struct {
	deployable uuid.UUID
	image      uuid.UUID
	promise    promise[*Deployable]
}

func (m *program) fail(err error) { m.promise.fail(err) }

// addAttribute and dropAttribute change a deployable's attributes.
type addAttribute struct {
	deployable uuid.UUID
	attribute  *Attribute
	promise    promise[*Attribute]
}

func (m *addAttribute) fail(err error) { m.promise.fail(err) }

type dropAttribute struct {
	attribute uuid.UUID
	promise   promise[struct{}]
}

func (m *dropAttribute) fail(err error) { m.promise.fail(err) }

// refresh brings a registered device up to date with what its host reports.
// numbers holds the ids of deployables that are new.
type refresh struct {
	found   foundDevice
	numbers map[string]int
	promise promise[struct{}]
}

func (m *refresh) fail(err error) { m.promise.fail(err) }

// vanish has a device go that is not on its host any more: its record goes, or,
// while somebody has something of it, it is missing. The answer is whether the
// record has gone.
type vanish struct{ promise promise[bool] }

func (m *vanish) fail(err error) { m.promise.fail(err) }

// commandDone is the end of one command on a device.
type commandDone struct {
	function string // of the image that it has loaded; "": not known
	err      error
}

// cleanUp has a device take up the handles that wait for it, and the one
// whose clean-up failed before.
type cleanUp struct{ failed uuid.UUID }

// deviceWritten is the store's verdict on a change of the device's own record.
type deviceWritten struct {
	batch  *batch
	result persistence.Result
	then   func(error)
}

// createProfile makes a device profile.
type createProfile struct {
	profile *Profile
	promise promise[*Profile]
}

func (m *createProfile) fail(err error) { m.promise.fail(err) }

// proposeDeletion asks a profile whether it could be deleted.
type proposeDeletion struct {
	op      *actor.PID
	engine  *engine
	attempt int
	index   int
}

// profileProposal answers proposeDeletion.
type profileProposal struct {
	attempt int
	index   int
	profile *Profile
	err     error
}

func (m *proposeDeletion) answer(p *Profile, err error) {
	m.engine.tell(m.op, &profileProposal{attempt: m.attempt, index: m.index, profile: p, err: err})
}

func (m *proposeDeletion) fail(err error) { m.answer(nil, err) }

// deletionIsLong tells a profile that the deletion it waits for takes long.
type deletionIsLong struct{ op *actor.PID }

// withdraw ends a deletion that has not been handed to the store yet. One that
// has been is ahead of every create that the profile would let go.
type withdraw struct{}

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

// openSession begins the session of a host's agent.
type openSession struct {
	request *protocol.OpenSession
	version int
	promise promise[*protocol.Session]
}

func (m *openSession) fail(err error) { m.promise.fail(err) }

// heartbeat renews the lease.
type heartbeat struct {
	body    *protocol.Heartbeat
	promise promise[*protocol.HeartbeatReply]
}

func (m *heartbeat) fail(err error) { m.promise.fail(err) }

// reportInventory is all that a host has.
type reportInventory struct {
	body    *protocol.Inventory
	names   []string // of the host, that its agent has proven
	ifMatch *string  // take it only if the last one had this digest
	promise promise[*protocol.InventoryReply]
}

func (m *reportInventory) fail(err error) { m.promise.fail(err) }

// inventoryTaken is the end of bringing the devices in line with one.
type inventoryTaken struct {
	asked   *reportInventory
	outcome *reportOutcome
	err     error
}

func (m *inventoryTaken) fail(err error) { m.asked.fail(err) }

// pollCommands waits for the commands of a host after a number.
type pollCommands struct {
	session uuid.UUID
	after   uint64
	promise promise[[]protocol.Command]
}

func (m *pollCommands) fail(err error) { m.promise.fail(err) }

// pollOver says that nobody waits for the answer any more.
type pollOver struct{ poll *pollCommands }

// carryOut has a host's agent carry out a command.
type carryOut struct {
	rec     *commandRecord
	promise promise[struct{}]
}

func (m *carryOut) fail(err error) { m.promise.fail(err) }

// commandResult is what an agent says of a command.
type commandResult struct {
	id      uuid.UUID
	body    *protocol.Result
	promise promise[struct{}]
}

func (m *commandResult) fail(err error) { m.promise.fail(err) }

// commandWritten is the store's verdict on a command's record.
type commandWritten struct {
	command *hostCommand
	result  persistence.Result
	then    func(error)
}

// commandSettled says that nobody rests on a command any more. drop: no device
// will ask for it.
type commandSettled struct {
	rec  *commandRecord
	drop bool
}

// commandNotBegun says that no agent has begun a command, and that its device will
// not ask for it.
type commandNotBegun struct{ id uuid.UUID }

// commandOverdue has a host look at a command whose time has passed.
type commandOverdue struct{ id uuid.UUID }

// readImage asks whether an agent may have an image.
type readImage struct {
	session, image uuid.UUID
	promise        promise[struct{}]
}

func (m *readImage) fail(err error) { m.promise.fail(err) }

// hostRebooted has a device make anew what was lost with a start of its host.
type hostRebooted struct{ promise promise[struct{}] }

func (m *hostRebooted) fail(err error) { m.promise.fail(err) }

// restoreHost has a host put in order after its last start.
type restoreHost struct{}

// hostRestored is the end of that.
type hostRestored struct {
	boot string
	err  error
}

// hostTick has a host look at the clock.
type hostTick struct{}

// hostTurned tells a host that it has died, or lives again.
type hostTurned struct{}

// hostWritten is the store's verdict on a host's record.
type hostWritten struct {
	next   *hostRecord
	result persistence.Result
	then   func(error)
}
