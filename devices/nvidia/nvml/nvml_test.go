package nvml

import (
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/sysfs"
)

// double is a library that does what the test says.
type double struct {
	mu     sync.Mutex
	cards  map[string]*doubleGPU
	events chan event
	broken bool
	closed bool
}

type doubleGPU struct {
	watched       int
	migOn         bool
	instances     int
	ecc           uint64
	pending, dead bool
	err           error
}

func (d *double) gpu(busID string) (gpu, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.cards[busID]
	if g == nil {
		return nil, errUnknown
	}
	return g, nil
}

func (d *double) wait(limit time.Duration) (event, error) {
	if d.broken {
		return event{}, errors.New("no events here")
	}
	select {
	case e := <-d.events:
		return e, nil
	case <-time.After(limit):
		return event{}, errQuiet
	}
}

func (d *double) close() { d.closed = true }

func (g *doubleGPU) watch() error {
	g.watched++
	return nil
}
func (g *doubleGPU) mig() (on bool, instances int, err error) { return g.migOn, g.instances, g.err }
func (g *doubleGPU) uncorrectable() (uint64, error)           { return g.ecc, g.err }
func (g *doubleGPU) rows() (pending, failed bool, err error)  { return g.pending, g.dead, g.err }

const busOne = "00000000:3B:00.0"

func managing(t *testing.T, body func(m *Manager, d *double, g *doubleGPU, a sysfs.Address)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &doubleGPU{}
		d := &double{cards: map[string]*doubleGPU{busOne: g}, events: make(chan event)}
		m := newManager(d, []int{48, 79}, slog.New(slog.DiscardHandler))
		a, err := sysfs.ParseAddress("0000:3b:00.0")
		if err != nil {
			t.Fatal(err)
		}
		body(m, d, g, a)
		m.Close()
		if !d.closed {
			t.Error("the library is open still")
		}
	})
}

func TestCriticalErrorsAreCounted(t *testing.T) {
	managing(t, func(m *Manager, d *double, g *doubleGPU, a sysfs.Address) {
		count := func() uint64 {
			h := devices.Health{State: devices.HealthOK}
			m.Examine(a, &h)
			if h.State != devices.HealthOK {
				t.Errorf("%+v", h)
			}
			return h.Errors[devices.ErrorsXid]
		}
		if n := count(); n != 0 || g.watched != 1 {
			t.Errorf("%d errors, watched %d times", n, g.watched)
		}
		for _, e := range []event{{busOne, 79}, {busOne, 13}, {"00000000:3C:00.0", 79}, {"rubbish", 79}, {busOne, 48}} {
			d.events <- e
		}
		synctest.Wait()
		if n := count(); n != 2 || g.watched != 1 {
			t.Errorf("%d errors, watched %d times", n, g.watched)
		}
	})
}

func TestWhatTheLibrarySaysOfHealth(t *testing.T) {
	managing(t, func(m *Manager, d *double, g *doubleGPU, a sysfs.Address) {
		for _, tt := range []struct {
			gpu  doubleGPU
			want devices.HealthState
			ecc  uint64
		}{
			{doubleGPU{ecc: 7}, devices.HealthOK, 7},
			{doubleGPU{pending: true}, devices.HealthDegraded, 0},
			{doubleGPU{pending: true, dead: true}, devices.HealthFailed, 0},
			{doubleGPU{err: errLost}, devices.HealthFailed, 0},
			{doubleGPU{err: errors.New("not supported")}, devices.HealthOK, 0},
		} {
			*g = tt.gpu
			h := devices.Health{State: devices.HealthOK}
			if m.Examine(a, &h); h.State != tt.want || h.Errors[devices.ErrorsECC] != tt.ecc || (len(h.Reasons) == 0) != (h.State == devices.HealthOK) {
				t.Errorf("%+v: %+v", tt.gpu, h)
			}
		}
		delete(d.cards, busOne) // it went to a guest
		h := devices.Health{State: devices.HealthOK}
		if m.Examine(a, &h); h.State != devices.HealthOK || h.Errors != nil {
			t.Errorf("of a GPU that it does not know: %+v", h)
		}
	})
}

func TestPartitions(t *testing.T) {
	managing(t, func(m *Manager, d *double, g *doubleGPU, a sysfs.Address) {
		g.migOn, g.instances = true, 3
		if on, n, known := m.MIG(a); !on || n != 3 || !known {
			t.Errorf("%v, %d, %v", on, n, known)
		}
		g.err = errors.New("no permission")
		if _, _, known := m.MIG(a); known {
			t.Error("what cannot be read is known")
		}
		if _, _, known := m.MIG(sysfs.Address{Bus: 9}); known {
			t.Error("a GPU that is not there is known")
		}
	})
}

// A library without events is asked again now and then, and closes all the same.
func TestEventsThatCannotBeWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &double{broken: true}
		m := newManager(d, nil, slog.New(slog.DiscardHandler))
		<-time.After(time.Minute)
		m.Close()
	})
}

func TestBusIDs(t *testing.T) {
	a, _ := sysfs.ParseAddress("10000:af:1f.7")
	if got := busID(a); got != "00010000:AF:1F.7" {
		t.Error(got)
	}
	if back, err := sysfs.ParseAddress("00010000:af:1f.7"); err != nil || back != a {
		t.Errorf("%v, %v", back, err)
	}
}
