package actors

import (
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
)

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

// commandNoted says that the device has put on record what became of a command that
// loads an image.
type commandNoted struct{ id uuid.UUID }

// commandOverdue has a host look at a command whose time has passed.
type commandOverdue struct{ id uuid.UUID }

// readImage asks whether an agent may have an image.
type readImage struct {
	session, image uuid.UUID
	promise        promise[struct{}]
}

func (m *readImage) fail(err error) { m.promise.fail(err) }

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
