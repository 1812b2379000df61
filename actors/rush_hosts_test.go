package actors

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
)

// rushAgent is the agent of a host whose devices come and go, and that is started again
// now and then.
type rushAgent struct {
	r    *rush
	host string

	boot             int
	process, journal uuid.UUID
	seq, scan, after uint64

	mu      sync.Mutex
	session uuid.UUID
	content protocol.Content
}

func newRushAgent(r *rush, host string) *rushAgent {
	a := &rushAgent{r: r, host: host, process: uuid.New(), journal: uuid.New()}
	a.change()
	return a
}

// change makes up what the host has. Two cards of it change places at times.
func (a *rushAgent) change() {
	c := protocol.Content{Complete: map[string]bool{fake.Name: true}}
	swapped := a.r.bad(4)
	for n, d := range rushDevices(a.host, 2) {
		handles := d.Deployables[0].AttachHandles
		for i := range handles {
			if a.host == "v" {
				handles[i].Type = handleTypeMdev
			}
		}
		d.Deployables[0].AttachHandles = handles[:len(handles)-a.r.fewer(3)]
		if a.r.bad(4) {
			c.Removed = append(c.Removed, d.ControlPath.Info)
			continue
		}
		serial := n
		if swapped {
			serial = 1 - n
		}
		c.Devices = append(c.Devices, protocol.Device{Driver: fake.Name, Serial: fmt.Sprint(serial), Device: d})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.content = c
}

// live is a session.
func (a *rushAgent) live() {
	ctx := a.r.away
	if !a.open(ctx) {
		wait(ctx, time.Millisecond)
		return
	}
	for ctx.Err() == nil {
		if a.change(); !a.report(ctx) && !a.known() {
			return
		}
		for range 1 + rand.IntN(20) {
			if !a.work(ctx) {
				return
			}
		}
		switch {
		case a.r.bad(40): // it is silent until its host is dead
			wait(ctx, 500*time.Millisecond)
		case a.r.bad(10):
			a.restart()
			return
		}
	}
}

// restart is that of its process, of its host, or another agent in its place. That one
// would wait for long for a host that was not heard of since the service started.
func (a *rushAgent) restart() {
	switch n := rand.IntN(4); {
	case n == 0:
		a.boot++
	case n == 1 && a.r.last.Load():
		a.journal = uuid.New()
	}
	a.process = uuid.New()
	a.ended()
}

// ended takes note that there is no session.
func (a *rushAgent) ended() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.session = uuid.Nil
}

func (a *rushAgent) open(ctx context.Context) bool {
	s, err := a.r.sys.OpenSession(ctx, a.host, &protocol.OpenSession{
		Versions: protocol.Versions(), AgentVersion: "rush", BootID: fmt.Sprintf("boot-%d", a.boot), Drivers: []string{fake.Name},
		Capabilities: []devices.CommandKind{devices.ProgramFPGA, devices.CreateMdev, devices.RemoveMdev},
		Process:      a.process, Journal: a.journal, Provider: []string{"", a.host + ".example"}[rand.IntN(2)],
	})
	if !a.r.calls.agentTook("open a session", err) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.session, a.seq, a.scan, a.after = s.Session, 0, 0, 0
	return true
}

// now gives the session, and what the host has.
func (a *rushAgent) now() (session uuid.UUID, content protocol.Content) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.session, a.content
}

// known says whether there is a session.
func (a *rushAgent) known() bool {
	session, _ := a.now()
	return session != uuid.Nil
}

// lost takes note of a session that the service does not know any more.
func (a *rushAgent) lost(err error) {
	e, is := errors.AsType[*protocol.Error](err)
	if is && (e.Code == protocol.CodeSessionUnknown || e.Code == protocol.CodeSessionReplaced) {
		a.ended()
	}
}

func (a *rushAgent) report(ctx context.Context) bool {
	session, content := a.now()
	if session == uuid.Nil { // a heartbeat has found out
		return false
	}
	a.seq++
	a.scan++
	inv := &protocol.Inventory{Session: session, Seq: a.seq, Scan: a.scan, Content: content, Digest: content.Digest()}
	_, err := a.r.sys.ReportInventory(ctx, a.host, []string{a.host}, inv, nil)
	a.lost(err)
	return a.r.calls.agentTook("report an inventory", err)
}

// work waits for commands and carries them out; false: the session is over.
func (a *rushAgent) work(ctx context.Context) bool {
	session, _ := a.now()
	commands, err := a.r.sys.AwaitCommands(ctx, a.host, session, a.after, 5*time.Millisecond)
	a.lost(err)
	if !a.r.calls.agentTook("wait for commands", err) {
		return false
	}
	for i := range commands {
		c := &commands[i]
		a.after = max(a.after, c.N)
		a.r.pause(ctx)
		if image := c.For(a.host).Image; image != uuid.Nil {
			_, _, err := a.r.sys.OpenImage(ctx, a.host, session, image)
			a.r.calls.agentTook("read an image", err)
		}
		body := &protocol.Result{Session: session, State: protocol.ResultDone}
		if c.Kind != devices.RemoveMdev && a.r.bad(10) {
			body.State, body.Code = protocol.ResultFailed, []string{protocol.ResultUnknown, protocol.ResultError}[rand.IntN(2)]
		}
		err := a.r.sys.CommandResult(ctx, a.host, c.ID, body)
		for ErrorCode(err) == CodeUnavailable && wait(ctx, time.Millisecond) {
			err = a.r.sys.CommandResult(ctx, a.host, c.ID, body)
		}
		a.lost(err)
		if !a.r.calls.agentTook("tell a result", err) && !a.known() {
			return false
		}
	}
	return true
}

// beat says that the agent lives, and how its devices are.
func (a *rushAgent) beat() {
	ctx := a.r.away
	session, content := a.now()
	if session == uuid.Nil {
		wait(ctx, time.Millisecond)
		return
	}
	body := &protocol.Heartbeat{Session: session, Digest: content.Digest()}
	for i := range content.Devices {
		state := devices.Health{State: devices.HealthOK}
		switch {
		case a.r.bad(10):
			state = devices.Health{State: devices.HealthFailed, Reasons: []string{"smoke"}, Errors: map[devices.ErrorCounter]uint64{devices.ErrorsFatal: rand.Uint64N(3)}}
		case a.r.bad(10):
			state = devices.Health{State: devices.HealthDegraded, Reasons: []string{"a slow link"}}
		}
		body.Health = append(body.Health, protocol.DeviceHealth{Device: content.Devices[i].ControlPath, Health: state})
	}
	_, err := a.r.sys.Heartbeat(ctx, a.host, body)
	a.lost(err)
	a.r.calls.agentTook("beat", err)
	wait(ctx, time.Duration(rand.IntN(60))*time.Millisecond)
}

// rushShelf is an Inventory.
type rushShelf struct {
	r   *rush
	mu  sync.Mutex
	now map[uuid.UUID]bool // devices that are being shown
}

// Show is as Inventory says.
func (s *rushShelf) Show(ctx context.Context, supply *Supply) (changes int, err error) {
	s.mu.Lock()
	if s.now[supply.Device] {
		s.r.t.Errorf("the device %s is shown twice at the same time", supply.Device)
	}
	s.now[supply.Device] = true
	s.mu.Unlock()
	s.r.pause(ctx)
	switch {
	case s.r.bad(20):
		err = ErrInventoryAway
	case s.r.bad(20):
		err = ErrHostUnknown
	case s.r.bad(20) && !s.r.last.Load(): // the next look is after 10 s
		err = ErrSupplyInUse
	}
	s.mu.Lock()
	delete(s.now, supply.Device)
	s.mu.Unlock()
	return rand.IntN(2), err
}
