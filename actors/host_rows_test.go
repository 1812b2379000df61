package actors

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
)

// Row "Scan partly fails": what is there is added and brought up to date; what
// is not may be there nevertheless.
func TestAnIncompleteScanAddsAndUpdates(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 3)
		third := a.without(2)
		a.open()
		a.report()
		w.wantDevices("n", 2)
		a.content.Complete[fake.Name] = false
		a.without(0)
		a.content.Devices[0].Model = "renamed"
		a.content.Devices = append(a.content.Devices, third)
		a.report()
		w.wantDevices("n", 3)
		if d := w.sys.dir.deviceAt("n", a.content.Devices[0].ControlPath.Info); d.Model != "renamed" {
			t.Errorf("model %q", d.Model)
		}
		w.wantConsistent()
	})
}

// A scan that shows nothing at all proves nothing by itself, as any other.
func TestAnEmptyScan(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 3)
		id := w.bound(w.wantDevices("n", 3)[1], instance)
		all := a.content.Devices
		a.content.Devices = nil
		a.report()
		for _, d := range w.wantDevices("n", 3) {
			if d.Missing {
				t.Errorf("%s is missing after one scan", d.UUID)
			}
		}
		<-time.After(6 * time.Second)
		a.content.Complete = map[string]bool{} // nor does one of an agent without drivers
		a.report()
		w.wantDevices("n", 3)
		<-time.After(6 * time.Second)
		a.content.Complete = map[string]bool{fake.Name: true}
		a.report()
		w.wantDevices("n", 3) // the first scan is forgotten
		<-time.After(6 * time.Second)
		a.report()
		if d := w.wantDevices("n", 1)[0]; !d.Missing {
			t.Error("the one that is bound is not missing")
		}
		w.wantStates("Bound", id)
		a.content.Devices = all
		a.report()
		for _, d := range w.wantDevices("n", 3) {
			if d.Missing {
				t.Errorf("%s is missing still", d.UUID)
			}
		}
		w.wantConsistent()
	})
}

// Row "Placement down": the inventory is taken, and shown when that is possible.
func TestAnInventoryWhilePlacementIsAway(t *testing.T) {
	for _, restart := range []bool{false, true} {
		s := &shelf{}
		inBubble(t, 1, func(w *world) {
			w.wantSupplies(map[string]int{"synced": 1}) // that is shown before
			s.answers(0, ErrInventoryAway)
			a := w.joined("n", 1)
			d := w.wantDevices("n", 1)[0]
			id := w.bound(d, instance)
			w.wantSupplies(map[string]int{"synced": 1, "unreachable": 1})
			if restart {
				w.crash()
				a.open()
			}
			s.answers(0, nil)
			<-time.After(10 * time.Minute)
			w.wantSupplies(map[string]int{"synced": 2})
			if p := s.seen(w.t, d); p.Total != 4 {
				t.Errorf("seen as %+v", p)
			}
			w.wantStates("Bound", id)
		}, withShelf(s))
	}
}

// Row "Unbind or delete while the host is stale or dead": the ARQ is free of it at
// once, and its handle when the agent has cleaned up.
func TestGivingBackWithoutAnAgent(t *testing.T) {
	for state, silence := range map[HostState]time.Duration{HostStale: time.Minute, HostDead: 10 * time.Minute} {
		for what, giveBack := range map[string]func(*world, uuid.UUID) error{
			"unbind": func(w *world, id uuid.UUID) error { return w.unbind(id) },
			"delete": func(w *world, id uuid.UUID) error { return w.remove(id) },
		} {
			withMdevAgent(t, func(w *world, a *scripted, d *Device) {
				id := w.bound(d, instance)
				made := a.fetch()
				a.done(made)
				<-time.After(silence)
				w.wantHost("n", state)
				w.must(giveBack(w, id))
				want := map[string]string{"unbind": "Unbound", "delete": "gone"}[what]
				w.wantStates(want, id)
				w.wantHandles(4, 0, 1)
				a.open()
				c := a.fetch()
				if c.Kind != devices.RemoveMdev || *c.Args.Handle != *made.Args.Handle {
					t.Errorf("%s, %s: %+v", state, what, c)
				}
				w.wantHandles(4, 0, 1)
				a.done(c)
				w.wantHandles(5, 0, 0)
				w.wantConsistent()
			})
		}
	}
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// count is how many lines of the log have all of the words.
func (l *lines) count(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			n++
		}
	}
	return n
}

func withLog(l *lines) worldOption {
	return func(w *world) { w.opts.Logger = slog.New(slog.NewTextHandler(l, nil)) }
}

// Row "Two agents for one host": more than three times a minute is an alarm.
func TestTwoAgentsRaiseAnAlarm(t *testing.T) {
	log := &lines{}
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		for range 3 {
			a.open()
		}
		if n := log.count("level=ERROR", "two agents seem to run"); n != 0 {
			t.Errorf("%d alarms about three sessions", n)
		}
		a.open()
		if n := log.count("level=ERROR", "two agents seem to run", "host=n"); n != 1 {
			t.Errorf("%d alarms about the fourth", n)
		}
		<-time.After(61 * time.Second)
		a.open()
		if n := log.count("two agents seem to run"); n != 1 {
			t.Error("an alarm about one session in a minute")
		}
	}, withLog(log))
}

// What is refused is said once, and not with each report again; much of it in few
// lines.
func TestRefusalsAreSaidOnce(t *testing.T) {
	log := &lines{}
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 40)
		for i := range 30 {
			a.content.Devices[i].Type = "TOASTER"
		}
		a.content.Devices[29].ControlPath.Info = strings.Repeat("x", 1<<20)
		a.open()
		r := a.report()
		if len(r.Refused) != 30 || len(r.Refused[29].CPIDInfo) > protocol.MaxMessage {
			t.Errorf("%d refused, the last one with a place of %d bytes", len(r.Refused), len(r.Refused[len(r.Refused)-1].CPIDInfo))
		}
		a.report()
		w.wantDevices("n", 10)
		if one, more := log.count("a device that a host reports is refused"), log.count("more devices", "devices=14"); one != 16 || more != 1 {
			t.Errorf("%d lines, and %d about more", one, more)
		}
		a.content.Devices[0].Vendor = "" // another reason
		a.report()
		if n := log.count("a device that a host reports is refused"); n != 17 {
			t.Errorf("%d lines after another reason", n)
		}
	}, withLog(log))
}

// Nobody gets an image with a command that names none.
func TestNoImageIsNoImage(t *testing.T) {
	withMdevAgent(t, func(w *world, a *scripted, d *Device) {
		w.bound(d, instance)
		a.fetch()
		_, _, err := w.sys.OpenImage(w.t.Context(), "n", a.session, uuid.Nil)
		w.wantAgentError(err, protocol.CodeForbidden)
	}, func(w *world) { w.opts.Images = library{} })
}

// Whatever one report says, nothing is lost by it but what the kernel has removed:
// bad devices are refused, the good ones taken, and guests keep what they have.
func TestOneReportLosesNothing(t *testing.T) {
	spoil := []func(*rand.Rand, *protocol.Content, *protocol.Device){
		func(_ *rand.Rand, _ *protocol.Content, d *protocol.Device) { d.Type = "" },
		func(_ *rand.Rand, _ *protocol.Content, d *protocol.Device) { d.Vendor = "\x00" },
		func(_ *rand.Rand, _ *protocol.Content, d *protocol.Device) { d.ControlPath.Info = "[" },
		func(_ *rand.Rand, _ *protocol.Content, d *protocol.Device) { d.ControlPath.Info = `{"elsewhere": 1}` },
		func(_ *rand.Rand, _ *protocol.Content, d *protocol.Device) { d.Deployables[0].Name = "other_x" },
		func(_ *rand.Rand, _ *protocol.Content, d *protocol.Device) { d.Deployables[0].NumAccelerators = -1 },
		func(_ *rand.Rand, _ *protocol.Content, d *protocol.Device) {
			d.Deployables[0].AttachHandles = slices.Repeat(d.Deployables[0].AttachHandles[:1], 2)
		},
		func(r *rand.Rand, c *protocol.Content, d *protocol.Device) { *d = c.Devices[r.IntN(len(c.Devices))] },
		func(_ *rand.Rand, c *protocol.Content, _ *protocol.Device) { c.Complete = nil },
		func(r *rand.Rand, c *protocol.Content, _ *protocol.Device) {
			c.Devices = slices.Delete(c.Devices, 0, r.IntN(len(c.Devices)))
		},
		func(_ *rand.Rand, c *protocol.Content, _ *protocol.Device) {
			c.Problems = append(c.Problems, protocol.Problem{Driver: "d", Problem: devices.Problem{Where: "?", Kind: "?"}})
		},
	}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 0))
		inBubble(t, 1, func(w *world) {
			a := w.joined("n", 6)
			good := a.content
			var bound []uuid.UUID
			known := map[string]bool{}
			for i, d := range w.wantDevices("n", 6) {
				known[d.ControlPath.Info] = true
				if i%2 == 0 {
					id := w.bound(d, uuid.New())
					bound = append(bound, id)
				}
			}
			a.content = deepCopy(good)
			for range 1 + r.IntN(4) {
				spoil[r.IntN(len(spoil))](r, &a.content, &a.content.Devices[r.IntN(len(a.content.Devices))])
			}
			reply := a.report()
			synctest.Wait()
			have := 0
			for _, d := range w.sys.devicesOf("n") {
				if known[d.ControlPath.Info] && !d.Missing {
					have++
				}
			}
			if have != 6 {
				t.Errorf("seed %d: %d of 6 devices are left; refused %+v", seed, have, reply.Refused)
			}
			w.wantStates("Bound", bound...)
			a.content = good
			if r := a.report(); len(r.Refused) > 0 {
				t.Errorf("seed %d: a good report is refused afterwards: %+v", seed, r.Refused)
			}
			w.wantConsistent()
		})
	}
}

func deepCopy(c protocol.Content) protocol.Content {
	c.Devices = slices.Clone(c.Devices)
	for i := range c.Devices {
		c.Devices[i].Deployables = slices.Clone(c.Devices[i].Deployables)
	}
	return c
}

// That the operator has disabled a driver is proof, as its own look would be: its
// devices go, those of guests with them.
func TestADriverThatIsNotEnabledAnyMore(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 3)
		all := w.wantDevices("n", 3)
		id := w.bound(all[1], instance)
		a.content.Devices, a.content.Complete = nil, map[string]bool{"pci_driver": true}
		a.report() // in a session that has named the driver
		<-time.After(protocol.ScansApart)
		a.report()
		w.wantDevices("n", 3)

		a.drivers = []string{"pci_driver"}
		a.open()
		a.report()
		w.wantDevices("n", 3)
		<-time.After(protocol.ScansApart)
		if !a.beat().SendInventory {
			t.Error("no second scan is wanted")
		}
		a.report()
		if left := w.wantDevices("n", 1)[0]; left.UUID != all[1].UUID || !left.Missing {
			t.Errorf("left is %+v", left)
		}
		w.wantStates("Bound", id)
		w.must(w.unbind(id))
		w.wantDevices("n", 0)
	})
}

// What was made for a guest is removed when he gives it back, though the driver that
// has made it is not enabled any more, or the device is not reported for another
// reason; but an agent that knows nobody for that has nothing to be waited for.
func TestWhatADriverHasMadeThatIsNotEnabledAnyMore(t *testing.T) {
	for code, warnings := range map[string]int{"": 0, protocol.ResultNoDevice: 1} {
		log := &lines{}
		withMdevAgent(t, func(w *world, a *scripted, d *Device) {
			ids := []uuid.UUID{w.bound(d, instance), w.bound(d, another)}
			w.finishAll(a)
			w.wantStates("Bound", ids...)
			a.drivers = []string{"pci_driver"}
			a.content.Devices, a.content.Complete = nil, map[string]bool{"pci_driver": true}
			a.open()
			a.report()
			<-time.After(protocol.ScansApart)
			a.report()
			a.restarted("boot-2") // nothing is made anew there
			a.report()
			for i, id := range ids {
				w.must(w.unbind(id))
				w.wantDevices("n", 1)
				c := a.fetch()
				if c.Kind != devices.RemoveMdev {
					t.Fatalf("%+v", c)
				}
				if code == "" {
					a.done(c)
				} else {
					a.failed(c, code)
				}
				w.wantDevices("n", 1-i)
				w.wantHandles(3-2*i, 1-i, 0)
			}
			if n := log.count("level=WARN", "may be left on its host"); n != 2*warnings {
				t.Errorf("%q: %d warnings", code, n)
			}
			w.wantConsistent()
		}, withLog(log))
	}
}
