package actors

import (
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// proposeDevice asks a device for handles, all of them or none, and for the
// release of others.
type proposeDevice struct {
	op     round
	engine *engine
	index  int
	wants  []handleWant
	gives  []handleGive
	again  bool // what was proposed before was overtaken
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
	round      uint64
	index      int
	generation uint64 // of the device's record
	taken      []change[heldHandle]
	given      []change[heldHandle]
	lacked     []lack // to be given back, and not held
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
	p.round, p.index = m.op.number, m.index
	m.engine.tell(m.op.pid, p)
}

func (m *proposeDevice) fail(err error) { m.answer(&deviceProposal{err: err}) }

// setEnabled is the operator's enable or disable.
type setEnabled struct {
	enabled bool
	promise promise[struct{}]
	losses
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
	losses
}

func (m *addAttribute) fail(err error) { m.promise.fail(err) }

type dropAttribute struct {
	attribute uuid.UUID
	promise   promise[struct{}]
	losses
}

func (m *dropAttribute) fail(err error) { m.promise.fail(err) }

// refresh brings a registered device up to date with what its host reports.
// numbers holds the ids of deployables that are new.
type refresh struct {
	found   foundDevice
	numbers map[string]int
	promise promise[bool] // whether another scan is to prove that parts of it are gone
	losses
}

func (m *refresh) fail(err error) { m.promise.fail(err) }

// vanish has a device go that is not on its host any more: its record goes, or,
// while somebody has something of it or it is remembered, it is missing. The answer
// is whether the record has gone.
type vanish struct {
	replaced bool // another card is in its place
	promise  promise[bool]
	losses
}

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

// hostRebooted tells a device of a start of its host, and is answered when that is on
// record.
type hostRebooted struct {
	boot    string // that start
	promise promise[struct{}]
	losses
}

func (m *hostRebooted) fail(err error) { m.promise.fail(err) }
