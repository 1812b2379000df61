package work

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// recover looks at what was begun by an agent that ended before it was done. An
// FPGA is in no known state then. Mediated devices can be made and removed again, and
// types of vGPUs set, but only when the service still wants it.
func (e *Executor) recover() {
	for _, entry := range e.opt.Journal.Unfinished() {
		c := &entry.Command
		e.opt.Log.Warn("a command was under way when the agent ended", "command", c.ID, "kind", c.Kind, "device", c.Device.Info)
		if !repeatable(c.Kind) {
			e.end(c, &protocol.Result{
				State: protocol.ResultFailed, Code: protocol.ResultUnknown, Message: "the agent ended while the command was carried out",
			})
		}
	}
	if len(e.opt.Journal.Unreported()) > 0 {
		e.tellNews()
	}
}

func repeatable(kind devices.CommandKind) bool {
	return kind == devices.CreateMdev || kind == devices.RemoveMdev || kind == devices.SetVGPUType
}

// Take takes commands up that came at a certain time. Of those that are known the
// result is reported again.
func (e *Executor) Take(commands []protocol.Command, at time.Time) {
	e.ask(func() {
		for i := range commands {
			e.take(&commands[i], at)
		}
		e.pump()
	})
}

func (e *Executor) take(c *protocol.Command, at time.Time) {
	if c.Undoes != nil {
		e.undo(*c.Undoes, c)
	}
	path := c.Device.Info
	until := at.Add(seconds(c.DeadlineS))
	entry := e.opt.Journal.Find(c.ID)
	switch i := e.position(path, c.ID); {
	case entry != nil && entry.Result.Ends():
		e.check(e.opt.Journal.Repeat(c.ID))
		e.tellNews()
	case e.busy[path] == c.ID:
	case i >= 0:
		e.queues[path][i].until = until
	default:
		e.queues[path] = append(e.queues[path], &waiting{*c, until})
	}
}

// position is where a command waits; -1: nowhere.
func (e *Executor) position(path string, id uuid.UUID) int {
	return slices.IndexFunc(e.queues[path], func(w *waiting) bool { return w.command.ID == id })
}

// undo sees to it that a command which was not begun never is, even if it comes
// later than what undoes it.
func (e *Executor) undo(id uuid.UUID, by *protocol.Command) {
	if e.opt.Journal.Find(id) != nil || e.runs(id) {
		return
	}
	undone, came := protocol.Command{ID: id, Kind: by.Kind, Device: by.Device}, false
	for path := range e.queues {
		if i := e.position(path, id); i >= 0 {
			undone, came = e.queues[path][i].command, true
			e.queues[path] = slices.Delete(e.queues[path], i, i+1)
		}
	}
	e.end(&undone, &protocol.Result{
		State: protocol.ResultFailed, Code: protocol.ResultUndone, Message: "it was taken back by command " + by.ID.String(),
	})
	if !came { // the service knows what became of it, or will be told when it comes
		e.check(e.opt.Journal.Acknowledge(id))
	}
}

// pump begins what can be begun.
func (e *Executor) pump() {
	for path, queue := range e.queues {
		for len(queue) > 0 && e.busy[path] == uuid.Nil && len(e.busy) < sideBySide && !e.resting {
			w := queue[0]
			queue = queue[1:]
			e.begin(w)
		}
		if e.queues[path] = queue; len(queue) == 0 {
			delete(e.queues, path)
		}
	}
}

// seconds is a time on the wire, within bounds.
func seconds(s float64) time.Duration {
	if !(s > 0) {
		return 0
	}
	return time.Duration(min(s, limit.Seconds()) * float64(time.Second))
}
