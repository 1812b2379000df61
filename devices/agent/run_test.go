package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/agent/journal"
	"github.com/arqd/arqd/devices/agent/uevent"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// office is a service that notes what it is told, and answers as a test wants.
type office struct {
	mu sync.Mutex
	noted
	fail     error // of every call
	session  uuid.UUID
	digest   string // of the newest inventory; "": none is known
	want     bool   // a new look, once
	commands chan []protocol.Command
}

// noted is what has happened.
type noted struct {
	opened, tried int // sessions
	reports       []protocol.Inventory
	matches       []string
	beats         []protocol.Heartbeat
	results       []protocol.Result
	looks         int // at the hardware
}

func (o *office) all() noted {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.noted
}

func (o *office) call(session uuid.UUID) error {
	if o.fail == nil && session != o.session {
		return &protocol.Error{Code: protocol.CodeSessionUnknown}
	}
	return o.fail
}

func (o *office) Open(context.Context, *protocol.OpenSession) (*protocol.Session, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tried++
	if o.fail != nil {
		return nil, o.fail
	}
	o.session = uuid.New()
	o.opened++
	return &protocol.Session{Session: o.session, Version: 1, LeaseS: 30, HeartbeatS: 10, WantFull: true, KnownDigest: o.digest}, nil
}

func (o *office) Report(_ context.Context, inv *protocol.Inventory, ifMatch string) (*protocol.InventoryReply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := errors.Join(inv.Validate(), o.call(inv.Session)); err != nil {
		return nil, err
	}
	o.matches = append(o.matches, ifMatch)
	if ifMatch != "" && ifMatch != o.digest {
		return nil, &protocol.Error{Code: protocol.CodeDigestDiffers}
	}
	o.reports = append(o.reports, *inv)
	o.digest = inv.Digest
	return &protocol.InventoryReply{Digest: inv.Digest}, nil
}

func (o *office) Beat(_ context.Context, beat *protocol.Heartbeat) (*protocol.HeartbeatReply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := errors.Join(beat.Validate(), o.call(beat.Session)); err != nil {
		return nil, err
	}
	o.beats = append(o.beats, *beat)
	want := o.want
	o.want = false
	return &protocol.HeartbeatReply{LeaseS: 30, SendInventory: want}, nil
}

func (o *office) Commands(ctx context.Context, session uuid.UUID, _ uint64, wait time.Duration) ([]protocol.Command, error) {
	o.mu.Lock()
	err := o.call(session)
	o.mu.Unlock()
	if err != nil {
		return nil, err
	}
	select {
	case all := <-o.commands:
		return all, nil
	case <-time.After(wait):
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (o *office) Result(_ context.Context, _ uuid.UUID, r *protocol.Result) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := errors.Join(r.Validate(), o.call(r.Session)); err != nil {
		return err
	}
	o.results = append(o.results, *r)
	return nil
}

// set changes what the office does.
func (o *office) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

// host is an agent at work.
type host struct {
	t      *testing.T
	office *office
	*Agent
	opts   fake.Options
	events chan uevent.Event
	health devices.Health // of all devices
	stop   context.CancelFunc
	ended  chan error
}

// Run implements uevent.Source.
func (h *host) Run(ctx context.Context, events func(uevent.Event)) error {
	for {
		select {
		case e := <-h.events:
			events(e)
		case <-ctx.Done():
			return nil
		}
	}
}

// examined is a driver whose devices are as the test wants.
type examined struct {
	*fake.Driver
	host *host
}

func (d examined) Health(context.Context, devices.ControlPathID) (devices.Health, error) {
	d.host.office.mu.Lock()
	defer d.host.office.mu.Unlock()
	return d.host.health, nil
}

func (d examined) Do(ctx context.Context, c devices.Command) error {
	d.host.office.mu.Lock()
	driver := fake.New(d.host.opts)
	d.host.office.mu.Unlock()
	return driver.Do(ctx, c)
}

func (d examined) Discover(ctx context.Context) (devices.Found, error) {
	d.host.office.mu.Lock()
	defer d.host.office.mu.Unlock()
	d.host.office.looks++
	return fake.New(d.host.opts).Discover(ctx)
}

func atWork(t *testing.T, test func(*host)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		j, err := journal.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		h := &host{
			t: t, office: &office{commands: make(chan []protocol.Command)}, events: make(chan uevent.Event),
			opts:   fake.Options{Host: "h", DevicesPerHost: 2, HandlesPerDevice: 2, OperationDelay: time.Second},
			health: devices.Health{State: devices.HealthOK}, ended: make(chan error, 1),
		}
		driver := examined{fake.New(h.opts), h}
		drivers := []devices.Driver{driver}
		h.Agent = New(Options{
			Host: "h", Version: "test", BootID: "boot", Service: h.office, Drivers: drivers, Bus: sysfs.New(dir), Journal: j, Events: h,
			Look:         func(ctx context.Context) Inventory { return Discover(ctx, drivers) },
			Log:          slog.New(slog.DiscardHandler),
			ScanInterval: 5 * time.Minute, Spread: 10 * time.Second, Grace: time.Minute,
		})
		ctx, stop := context.WithCancel(t.Context())
		h.stop = stop
		go func() {
			err := h.Agent.Run(ctx)
			h.ended <- errors.Join(err, j.Close())
		}()
		synctest.Wait()
		test(h)
		h.stop()
		<-h.ended
	})
}

func (h *host) after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// saw gives what has happened so far.
func (h *host) saw() noted { return h.office.all() }

func (h *host) wantReports(n int) *protocol.Inventory {
	h.t.Helper()
	if len(h.saw().reports) != n {
		h.t.Fatalf("%d inventories, want %d", len(h.saw().reports), n)
	}
	return &h.saw().reports[n-1]
}

func TestASession(t *testing.T) {
	atWork(t, func(h *host) {
		inv := h.wantReports(1)
		if len(inv.Devices) != 2 || !inv.Complete[fake.Name] || inv.Seq != 1 || len(inv.Removed) != 0 {
			t.Errorf("%+v", inv)
		}
		h.after(31 * time.Second)
		if n := len(h.saw().beats); n != 3 || h.saw().beats[0].Digest != inv.Digest {
			t.Errorf("%d heartbeats: %+v", n, h.saw().beats)
		}
		h.wantReports(1)
		// The service wants to know again, be it the same.
		h.office.set(func() { h.office.want = true })
		h.after(10 * time.Second)
		if again := h.wantReports(2); again.Scan <= inv.Scan || again.Seq != 2 || again.Digest != inv.Digest {
			t.Errorf("%+v", again)
		}
		// Somebody else has reported meanwhile.
		h.office.set(func() { h.office.digest = "another" })
		h.office.set(func() { h.opts.DevicesPerHost = 3 })
		h.after(5 * time.Minute)
		if last := h.wantReports(3); len(last.Devices) != 3 {
			t.Errorf("%d devices", len(last.Devices))
		}
		if got := h.saw().matches[len(h.saw().matches)-1]; got != "" {
			t.Errorf("sent again on the condition of %s", got)
		}
	})
}

// What the kernel says is waited out, though not for ever; what was removed is told
// until the service has taken it.
func TestEvents(t *testing.T) {
	atWork(t, func(h *host) {
		h.wantReports(1)
		looks := h.saw().looks
		remove := uevent.Event{Action: "remove", Subsystem: "pci", Slot: sysfs.Address{Bus: 0x0d}, IsPCI: true}
		h.events <- uevent.Event{Action: "add", Subsystem: "block"} // nothing of ours
		h.after(10 * time.Second)
		if h.saw().looks != looks {
			t.Error("it looks at what is not its own")
		}
		h.events <- remove
		h.office.set(func() { h.opts.DevicesPerHost = 1 })
		h.after(499 * time.Millisecond)
		h.wantReports(1)
		h.office.set(func() { h.office.fail = errors.New("away") })
		h.after(time.Millisecond)
		if h.saw().looks != looks+1 {
			t.Errorf("%d looks, want one more than %d", h.saw().looks, looks)
		}
		h.events <- uevent.Event{Lost: true}
		h.after(10 * time.Second)
		h.office.set(func() { h.office.fail = nil })
		h.after(30 * time.Second)
		inv := h.wantReports(2)
		if want := record.ControlPath(remove.Slot).Info; !slices.Equal(inv.Removed, []string{want}) || len(inv.Devices) != 1 {
			t.Errorf("removed %q, %d devices", inv.Removed, len(inv.Devices))
		}
		looks = h.saw().looks
		for range 100 { // more of it all the time
			h.events <- uevent.Event{Action: "change", Subsystem: "net"}
			h.after(100 * time.Millisecond)
		}
		if n := h.saw().looks - looks; n != 2 {
			t.Errorf("%d looks in ten seconds of events, want two", n)
		}
		h.after(time.Second)
		if inv := h.wantReports(3); len(inv.Removed) != 0 {
			t.Errorf("told again: %q", inv.Removed)
		}
	})
}

// A card that loses more functions than an inventory may name is told of bit by
// bit: no inventory is beyond the bounds, and none of it is lost.
func TestManyAreRemoved(t *testing.T) {
	atWork(t, func(h *host) {
		told := map[string]bool{}
		for i := range uint32(protocol.MaxDevices + 10) {
			h.events <- uevent.Event{Action: "remove", Subsystem: "pci", IsPCI: true, Slot: sysfs.Address{Domain: 1 + i}}
			if i%100 == 0 {
				synctest.Wait() // a look may take a while, and what waits is bounded
			}
		}
		h.after(time.Minute)
		for _, inv := range h.saw().reports {
			if err := inv.Validate(); err != nil {
				t.Errorf("an inventory that would be refused: %v", err)
			}
			for _, path := range inv.Removed {
				told[path] = true
			}
		}
		if len(told) != protocol.MaxDevices+10 {
			t.Errorf("%d of the removed are told", len(told))
		}
	})
}

// The service is away, then it has forgotten the session.
func TestTheServiceIsAway(t *testing.T) {
	atWork(t, func(h *host) {
		h.office.set(func() { h.office.fail = errors.New("connection refused") })
		h.after(10 * time.Minute)
		if h.saw().looks < 3 {
			t.Errorf("%d looks in ten minutes", h.saw().looks)
		}
		h.office.set(func() { h.office.fail, h.office.session = nil, uuid.New() })
		before := h.saw().tried
		h.after(41 * time.Second) // the longest pause, and the spread
		if n := h.saw().opened; n != 2 || h.saw().tried != before+1 {
			t.Errorf("%d sessions", n)
		}
		h.wantReports(2)
	})
}

// Who is not believed, or does not believe the service, reads his files anew and
// opens another session, in peace.
func TestOpeningAgain(t *testing.T) {
	for name, refusal := range map[string]error{
		"the token":                 &protocol.Error{Code: protocol.CodeUnauthorized},
		"the service's certificate": &url.Error{Err: &tls.CertificateVerificationError{Err: errors.New("unknown authority")}},
		"the agent's certificate":   &url.Error{Err: &net.OpError{Op: "remote error", Err: errors.New("tls: expired certificate")}},
	} {
		t.Run(name, func(t *testing.T) {
			atWork(t, func(h *host) {
				h.office.set(func() { h.office.fail = refusal })
				h.after(50 * time.Second)
				h.office.set(func() { h.office.tried = 0 })
				h.after(10 * time.Minute)
				if n := h.saw().tried; n < 15 || n > 45 {
					t.Errorf("%d tries in ten minutes, want one every 15 to 30 seconds", n)
				}
			})
		})
	}
}

// The log says why the service cannot be spoken to, also when that is another
// reason than before, and each only once.
func TestWhyTheServiceIsAway(t *testing.T) {
	var said bytes.Buffer
	c := contact{log: slog.New(slog.NewTextHandler(&said, nil))}
	lines := func() int {
		defer said.Reset()
		return strings.Count(said.String(), "\n")
	}
	refused := &url.Error{Op: "Post", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	forbidden := &protocol.Error{Code: protocol.CodeForbidden, Message: "not that of the host"}
	for i := range 100 {
		c.lost(refused)
		c.lost(forbidden)
		c.lost(&net.OpError{Op: "read", Err: syscall.Errno(i)})
	}
	if n := lines(); n < 3 || n > 10 {
		t.Errorf("%d lines", n)
	}
	c.found()
	c.found()
	c.lost(refused)
	if n := lines(); n != 2 {
		t.Errorf("%d lines about that it is back, and away again", n)
	}
}

func TestReplaced(t *testing.T) {
	atWork(t, func(h *host) {
		h.office.set(func() { h.office.fail = &protocol.Error{Code: protocol.CodeSessionReplaced} })
		err := <-h.ended
		if !errors.Is(err, ErrReplaced) {
			t.Errorf("ended with %v", err)
		}
		if n := h.saw().tried; n != 1 {
			t.Errorf("%d sessions", n)
		}
		h.ended <- nil
	})
}

// Commands are carried out and reported; one that runs when the agent is to stop,
// too.
func TestCommands(t *testing.T) {
	atWork(t, func(h *host) {
		c := protocol.Command{ID: uuid.New(), N: 7, DeadlineS: 60, Kind: devices.ProgramFPGA, Device: h.wantReports(1).Devices[0].ControlPath}
		h.office.commands <- []protocol.Command{c}
		h.after(2 * time.Second)
		if len(h.saw().results) != 1 || h.saw().results[0].State != protocol.ResultDone {
			t.Errorf("%+v", h.saw().results)
		}
		c.ID = uuid.New()
		h.office.commands <- []protocol.Command{c}
		synctest.Wait()
		h.stop()
		if err := <-h.ended; err != nil {
			t.Error(err)
		}
		if len(h.saw().results) != 2 {
			t.Errorf("%+v", h.saw().results)
		}
		h.ended <- nil
	})
}

// A card that is being programmed may leave the bus, and look ill: that is no
// reason to give it up.
func TestADeviceAtWork(t *testing.T) {
	atWork(t, func(h *host) {
		before := h.wantReports(1)
		h.office.set(func() { h.opts.OperationDelay = 40 * time.Second })
		work := before.Devices[1].ControlPath
		h.office.commands <- []protocol.Command{{ID: uuid.New(), N: 1, DeadlineS: 60, Kind: devices.ProgramFPGA, Device: work}}
		synctest.Wait()
		h.office.set(func() { h.opts.DevicesPerHost = 1; h.health.State = devices.HealthGone })
		address, err := record.ParsePCI(work.Info)
		if err != nil {
			t.Fatal(err)
		}
		h.events <- uevent.Event{Action: "remove", Subsystem: "pci", Slot: address, IsPCI: true}
		h.after(20 * time.Second)
		h.wantReports(1)
		for _, beat := range h.saw().beats {
			for _, d := range beat.Health {
				if d.Device == work && d.State == devices.HealthGone {
					t.Error("it is told to be gone")
				}
			}
		}
		h.after(21 * time.Second)
		if last := h.wantReports(2); len(last.Devices) != 1 || len(last.Removed) != 0 {
			t.Errorf("afterwards: %d devices, removed %q", len(last.Devices), last.Removed)
		}
	})
}

// A driver that hangs is waited for once.
func TestADriverThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		drivers := Guarded([]devices.Driver{stranger{name: "hangs", discover: func(context.Context) (devices.Found, error) {
			<-release
			return devices.Found{}, nil
		}}})
		for i := range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			began := time.Now()
			inv := Discover(ctx, drivers)
			if waited := time.Since(began); !inv.Failed() || (i == 0) != (waited == time.Minute) {
				t.Errorf("look %d took %v: %v", i, waited, inv[0].Err)
			}
			cancel()
		}
		close(release)
		synctest.Wait()
		if inv := Discover(t.Context(), drivers); inv.Failed() {
			t.Error(inv[0].Err)
		}
	})
}

func TestHealthIsTold(t *testing.T) {
	atWork(t, func(h *host) {
		told := func() []protocol.DeviceHealth { return h.saw().beats[len(h.saw().beats)-1].Health }
		h.after(11 * time.Second)
		if n := len(told()); n != 2 {
			t.Errorf("the first time %d are told, want all", n)
		}
		h.after(10 * time.Second)
		if n := len(told()); n != 0 {
			t.Errorf("%d are told again", n)
		}
		h.office.set(func() { h.health = devices.Health{State: devices.HealthDegraded, Reasons: []string{"hot"}} })
		// A beat that comes before the next look at the devices says nothing of them.
		ill := func() bool { got := told(); return len(got) == 2 && got[0].State == devices.HealthDegraded }
		for tries := 0; !ill(); tries++ {
			if tries == 8 {
				t.Fatalf("after %d beats more: %+v", tries, told())
			}
			h.after(10 * time.Second)
		}
		h.office.set(func() { h.health = devices.Health{State: devices.HealthOK} })
		h.after(20 * time.Second)
		if n := len(told()); n != 0 && n != 2 {
			t.Errorf("%d are told", n)
		}
		h.after(20 * time.Second)
		if n := len(told()); n != 0 {
			t.Errorf("%d are told to be well again and again", n)
		}
	})
}
