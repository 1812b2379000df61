package actors

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

func TestAnAgentsInventoryIsThere(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 3)
		s := a.open()
		if !s.WantFull || s.KnownDigest != "" || s.LeaseS != 30 || s.HeartbeatS != 10 || s.Version != 1 {
			t.Errorf("%+v", s)
		}
		if !a.beat().SendInventory {
			t.Error("the first inventory is not wanted")
		}
		a.wantRefused(a.report())
		if a.beat().SendInventory {
			t.Error("the inventory is wanted again")
		}
		d := w.wantDevices("n", 3)[0]
		if d.Driver != fake.Name {
			t.Errorf("driver %q", d.Driver)
		}
		id := w.bound(d, instance)
		w.wantStates("Bound", id)
		w.crash()
		if s := a.open(); s.KnownDigest != a.content.Digest() {
			t.Errorf("after a restart %q is known", s.KnownDigest)
		}
		w.wantConsistent()
	})
}

// Row "Agent dies", and the return.
func TestAHostGoesStaleAndDies(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, instance)
		for range 5 {
			<-time.After(10 * time.Second)
			a.beat()
			w.wantHost("n", HostFresh)
		}
		<-time.After(31 * time.Second)
		w.wantHost("n", HostStale)
		second, err := w.bindTo(d, another)
		w.must(err) // there is nothing to prepare
		<-time.After(5 * time.Minute)
		w.wantHost("n", HostDead)
		_, err = w.bindTo(d, uuid.New())
		w.wantCode(err, CodeConflict)
		w.must(w.unbind(second))
		w.wantStates("Bound", id)
		w.wantDevices("n", 1)
		a.beat() // it was only asleep
		w.wantHost("n", HostFresh)
		w.bound(d, uuid.New())
		w.wantConsistent()
	})
}

// Row "Service restarts": a host is unknown until its agent is back, unless it
// was dead before.
func TestHostsAfterARestart(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a, gone := w.joined("n", 1), w.joined("m", 1)
		<-time.After(time.Minute)
		a.beat()
		<-time.After(5 * time.Minute)
		a.beat()
		w.wantHost("m", HostDead)
		w.crash()
		w.wantHost("n", HostUnknown)
		w.wantHost("m", HostDead)
		_, err := a.tryBeat()
		w.wantAgentError(err, protocol.CodeSessionUnknown)
		_, err = w.bindTo(w.wantDevices("n", 1)[0], instance)
		w.must(err) // what is on record can be given
		_, err = w.bindTo(w.wantDevices("m", 1)[0], another)
		w.wantCode(err, CodeConflict)
		<-time.After(46 * time.Second)
		w.wantHost("n", HostStale)
		a.open()
		gone.open()
		w.wantHost("n", HostFresh)
		w.wantHost("m", HostFresh)
		w.crash()
		w.wantHost("m", HostUnknown) // that it lives is on record, too
		w.wantConsistent()
	})
}

// Row "Two agents for one host".
func TestTheNewestSessionWins(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		one, two := w.joined("n", 1), w.agent("n", 1)
		two.open()
		_, err := one.tryBeat()
		w.wantAgentError(err, protocol.CodeSessionReplaced)
		_, err = one.tryReport(nil)
		w.wantAgentError(err, protocol.CodeSessionReplaced)
		two.report()
		two.session, two.seq = uuid.New(), 0
		_, err = two.tryReport(nil)
		w.wantAgentError(err, protocol.CodeSessionUnknown)
		for range 2 {
			one.open()
			if n := w.sys.HostCounts().Alternations; n != 0 {
				t.Errorf("%d alternations so soon", n)
			}
			<-time.After(21 * time.Second)
		}
		for range 4 {
			two.open()
		}
		if n := w.sys.HostCounts().Alternations; n == 0 {
			t.Error("nobody is told of two agents that take the session from each other")
		}
	})
}

// Row "Stale inventory".
func TestAnInventoryOutOfTurn(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, _ *Device) {
		digest, other := a.content.Digest(), strings.Repeat("0", 64)
		_, err := a.tryReport(&other)
		w.wantAgentError(err, protocol.CodeDigestDiffers)
		_, err = a.tryReport(&digest)
		w.must(err)
		a.seq--
		a.without(0)
		_, err = a.tryReport(nil)
		w.wantAgentError(err, protocol.CodeStale)
		a.scan -= 3
		_, err = a.tryReport(nil)
		w.wantAgentError(err, protocol.CodeStale)
		w.wantDevices("n", 1)
	})
}

// A bad device is refused with its reason, and the good ones are taken.
func TestDevicesThatAreRefused(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.joined("node_1_b", 1)
		a := w.agent("node_1", 7)
		deployable := func(n int) *devices.Deployable { return &a.content.Devices[n].Deployables[0] }
		deployable(0).AttachHandles[1].Info = "[]"
		deployable(1).Name = "h_FakeDevice" // that of the host h
		deployable(2).Name = "node_1_b_FakeDevice_7"
		a.content.Devices[3].ControlPath = a.content.Devices[4].ControlPath
		a.content.Devices[5].Type = "TOASTER"
		a.open()
		r := a.report()
		a.wantRefused(r,
			"is not a JSON object", "does not begin with the name of the host", "no address of a function",
			"reported twice", `no type "TOASTER"`)
		w.wantDevices("node_1", 2)
		if st := w.sys.HostCounts(); st.DevicesRefused != 5 || st.Inventories != 2 {
			t.Errorf("%+v", st)
		}
		<-time.After(55 * time.Second)
		if !a.tryLongAgo().SendInventory {
			t.Error("what was refused is not asked for again")
		}
		w.wantConsistent()
	})
}

// A host cannot have what will be another one's, should that come later: the name of
// a device ends with its place.
func TestANameOfAHostThatHasNotComeYet(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("node_1", 5)
		for i, name := range []string{
			"node_1_b_FakeDevice", "node_1_b_0000:3b:00.0", "node_1_", "node_1_0000:3b:00.0", "node_1_10000:01:00.7",
		} {
			a.content.Devices[i].Deployables[0].Name = name
		}
		a.open()
		const why = "no address of a function"
		a.wantRefused(a.report(), why, why, why)
		w.wantDevices("node_1", 2)
		b := w.joined("node_1_b", 1)
		b.wantRefused(b.report())
		w.wantDevices("node_1_b", 1)
	})
}

// Only the fake driver replaces what is in a host's name.
func TestANameThatDriversDoNotGive(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n.one", 3)
		a.content.Devices[1].Deployables[0].Name = "n.one_0000:3b:00.0"
		a.content.Devices[2].Deployables[0].Name = "n_one_0000:3b:00.0" // that of n_one
		a.open()
		a.wantRefused(a.report(), "no address of a function")
		w.wantDevices("n.one", 2)
	})
}

// tryLongAgo is a heartbeat after a while.
func (a *scripted) tryLongAgo() *protocol.HeartbeatReply {
	<-time.After(10 * time.Second)
	return a.beat()
}

// Fakes replace the dots in a host's name: what two hosts may both say belongs
// to the one that has it.
func TestANameThatAnotherHostHas(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.joined("n.one", 1)
		a := w.agent("n_one", 2)
		a.open()
		a.wantRefused(a.report(), "is of the host n.one")
		w.wantDevices("n_one", 1)
		w.wantDevices("n.one", 1)
	})
}

func TestAHostWithFakeDevicesHasNoAgent(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		_, err := w.sys.OpenSession(w.t.Context(), "h", &protocol.OpenSession{Versions: []int{1}, AgentVersion: "t", BootID: "b"})
		w.wantAgentError(err, protocol.CodeForbidden)
		_, err = w.sys.OpenSession(w.t.Context(), "n", &protocol.OpenSession{Versions: []int{7}, AgentVersion: "t", BootID: "b"})
		w.wantAgentError(err, protocol.CodeNoCommonVersion)
		_, err = w.sys.OpenSession(w.t.Context(), "n", &protocol.OpenSession{Versions: []int{1}})
		w.wantAgentError(err, protocol.CodeInvalid)
	}, func(w *world) { w.opts.LocalHosts = []string{"h"} })
}

// Row "Device vanishes while free": two scans, far enough apart, of a driver
// that could see everything.
func TestAFreeDeviceVanishes(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 3)
		lost := a.without(1)
		a.content.Complete[fake.Name] = false
		for range 3 {
			a.report()
			<-time.After(6 * time.Second)
		}
		w.wantDevices("n", 3) // row "Scan partly fails"
		a.content.Complete[fake.Name] = true
		a.content.Problems = []protocol.Problem{{
			Driver: fake.Name, Problem: devices.Problem{Where: "0000:0d:01.0", Kind: devices.ProblemUnreadable},
		}}
		a.report()
		<-time.After(6 * time.Second)
		a.report()
		w.wantDevices("n", 3)
		a.content.Problems[0].Kind = devices.ProblemGone
		a.report()
		w.wantDevices("n", 3)
		<-time.After(4 * time.Second)
		if a.beat().SendInventory {
			t.Error("a new scan is asked for too early")
		}
		a.report()
		w.wantDevices("n", 3)
		<-time.After(2 * time.Second)
		a.scan-- // the same scan again proves nothing
		a.report()
		w.wantDevices("n", 3)
		<-time.After(5 * time.Second)
		if !a.beat().SendInventory {
			t.Error("no new scan is asked for")
		}
		a.report()
		w.wantDevices("n", 2)
		if _, known := w.sys.dir.provider(lost.Deployables[0].ProviderUUID()); known {
			t.Error("its provider is still known")
		}
		w.wantConsistent()
		w.wantHandles(1+2*4, 0, 0)
		a.content.Devices = append(a.content.Devices, lost) // as a new one
		a.report()
		w.wantDevices("n", 3)
		w.bound(w.sys.dir.deviceAt("n", lost.ControlPath.Info), instance)
		w.crash()
		w.wantDevices("n", 3)
		w.wantConsistent()
	})
}

func TestTheKernelsWordIsProof(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 2)
		a.content.Removed = []string{a.without(0).ControlPath.Info}
		a.report()
		w.wantDevices("n", 1)
	})
}

// A scan of another session proves nothing together with one of this.
func TestProofIsForgottenWithTheSession(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 2)
		a.without(0)
		a.report()
		<-time.After(10 * time.Second)
		a.open()
		a.report()
		w.wantDevices("n", 2)
	})
}

// lose has a host report twice without a device.
func (a *scripted) lose(n int) protocol.Device {
	a.t.Helper()
	d := a.without(n)
	a.report()
	<-time.After(6 * time.Second)
	a.report()
	return d
}

// Row "Device vanishes while bound": it stays, takes nothing new, and goes with
// the last who has something of it.
func TestABoundDeviceVanishes(t *testing.T) {
	for _, restart := range []bool{false, true} {
		withAgent(t, func(w *world, a *scripted, d *Device) {
			one := w.bound(d, instance)
			two := w.bound(d, another)
			a.lose(0)
			d = w.wantDevices("n", 1)[0]
			if !d.Missing || !d.Maintaining() || w.sys.HostCounts().DevicesMissing != 1 {
				t.Errorf("%+v", d)
			}
			w.wantStates("Bound", one, two)
			if restart {
				w.crash()
				a.open()
				a.report()
			}
			_, err := w.bindTo(d, uuid.New())
			w.wantCode(err, CodeConflict)
			_, err = w.sys.ProgramDeployable(w.t.Context(), d.Deployables[0].UUID, uuid.New())
			w.wantCode(err, CodeConflict)
			w.must(w.unbind(one))
			w.wantDevices("n", 1)
			w.must(w.remove(two))
			w.wantHandles(1, 0, 0)
			w.wantDevices("n", 0)
			w.wantConsistent()
		})
	}
}

// A device that cannot be removed, because the store takes no changes, is tried again
// after a while: at once if another was only quicker.
func TestAMissingDeviceWaitsForTheStore(t *testing.T) {
	for name, c := range map[string]struct {
		fault     memory.Fault
		bad, wait time.Duration
		most      int
	}{
		"that takes no changes": {memory.Fault{Effect: memory.Lose, Err: persistence.ErrUnavailable}, 4 * leaveRetry, leaveRetry, 6},
		"where it loses always": {memory.Fault{Effect: memory.Lose}, 4 * leaveRetry, leaveRetry, 6 * maxAttempts},
		"where it loses once":   {memory.Fault{Effect: memory.Lose}, 0, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			withAgent(t, func(w *world, a *scripted, d *Device) {
				id := w.bound(d, instance)
				a.lose(0)
				tries, since := 0, time.Now()
				w.setFaults(func(p persistence.Transition) memory.Fault {
					removes := slices.ContainsFunc(p.Deletes, func(d persistence.Delete) bool { return d.Key.Kind == kindDevice })
					if !removes {
						return memory.Fault{}
					}
					if tries++; tries > 1 && time.Since(since) >= c.bad || tries > 1000 {
						return memory.Fault{}
					}
					return c.fault
				})
				w.must(w.unbind(id))
				<-time.After(c.bad + c.wait)
				w.wantDevices("n", 0)
				if tries > c.most {
					t.Errorf("it is tried %d times", tries)
				}
				w.wantConsistent()
			})
		})
	}
}

// Who is on the way to a device when it goes is answered, each as he can use it.
func TestADeviceGoesWhileSomebodyIsOnTheWayToIt(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		at, _ := w.sys.devices.find(d.UUID)
		a.content.Removed = []string{a.without(0).ControlPath.Info}
		a.report()
		w.wantDevices("n", 0)
		patience := newPatience(time.Second)
		told := newPromise[struct{}]()
		w.sys.engine.tell(at.pid, &setEnabled{promise: told})
		_, err := told.wait(w.t.Context(), patience)
		w.wantCode(err, CodeNotFound)
		again := newPromise[bool]()
		w.sys.engine.tell(at.pid, &refresh{promise: again})
		_, err = again.wait(w.t.Context(), patience)
		w.wantCode(err, CodeUnavailable) // the agent reports it once more
		_, err = w.sys.refreshDevices(w.t.Context(), []registration{{device: d.UUID}})
		w.wantCode(err, CodeUnavailable)
		restored := newPromise[struct{}]()
		w.sys.engine.tell(at.pid, &hostRebooted{promise: restored})
		_, err = restored.wait(w.t.Context(), patience)
		w.must(err)
	})
}

// It is healed when it returns as it was.
func TestAMissingDeviceReturns(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, instance)
		lost := a.lose(0)
		a.content.Devices = []protocol.Device{lost}
		a.wantRefused(a.report())
		if d := w.wantDevices("n", 1)[0]; d.Missing {
			t.Error("it is missing still")
		}
		w.wantStates("Bound", id)
		w.must(w.unbind(id))
		w.bound(w.wantDevices("n", 1)[0], another)
		w.wantConsistent()
	})
}

// Row "Another card at the same address".
func TestAnotherCardInTheSamePlace(t *testing.T) {
	for what, change := range map[string]func(*protocol.Device){
		"product": func(d *protocol.Device) { d.StdBoardInfo = `{"device_id": "0xabce"}` },
		"vendor":  func(d *protocol.Device) { d.Vendor = "0xABCE" },
		"type":    func(d *protocol.Device) { d.Type = "GPU" },
		"serial":  func(d *protocol.Device) { d.Serial = "2" },
	} {
		inBubble(t, 1, func(w *world) {
			a := w.agent("n", 1)
			a.content.Devices[0].Serial = "1"
			a.open()
			a.report()
			first := w.wantDevices("n", 1)[0]
			id := w.bound(first, instance)
			change(&a.content.Devices[0])
			a.wantRefused(a.report(), "another card was in its place")
			if d := w.wantDevices("n", 1)[0]; !d.Missing || d.UUID != first.UUID {
				t.Errorf("%s: %+v", what, d)
			}
			w.must(w.unbind(id))
			w.wantDevices("n", 0)
			a.wantRefused(a.report())
			if d := w.wantDevices("n", 1)[0]; d.UUID == first.UUID || d.ID == first.ID {
				t.Errorf("%s: the new card is the old one", what)
			}
			change(&a.content.Devices[0])
			a.content.Devices[0].Model = "renamed" // which does not make it another
			a.wantRefused(a.report())
			w.wantConsistent()
		})
	}
}

// A device goes while a bind is undecided: the one or the other.
func TestADeviceVanishesDuringABind(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		for round := range 8 {
			a := w.joined(fmt.Sprintf("n%d", round), 1)
			d := w.wantDevices(a.host, 1)[0]
			if _, ok := w.sys.ProfileByName("one"); !ok {
				w.profile("one")
			}
			id := w.create("one", 1)[0]
			bound := make(chan error)
			go func() {
				if round%2 == 0 {
					<-time.After(time.Nanosecond)
				}
				bound <- w.bind(&BindTo{Hostname: a.host, ProviderUUID: d.Deployables[0].ProviderUUID, InstanceUUID: uuid.New()}, id)
			}()
			a.content.Removed = []string{a.without(0).ControlPath.Info}
			a.report()
			if err := <-bound; err == nil {
				w.wantDevices(a.host, 1)
			} else if ErrorCode(err) != CodeNotFound && ErrorCode(err) != CodeConflict {
				t.Errorf("round %d: %v", round, err)
			}
			w.wantConsistent()
		}
	})
}

// A host of a restored store is heard of when its agent has reported.
func TestAnAgentsReportIsAwaited(t *testing.T) {
	withAgent(t, func(w *world, _ *scripted, _ *Device) {
		a := w.agent("n", 1)
		w.restore()
		if st := w.sys.Stats(); st.HostsAwaited != 2 {
			t.Fatalf("%d hosts awaited", st.HostsAwaited)
		}
		_, err := w.bindTo(w.wantDevices("n", 1)[0], instance)
		w.wantCode(err, CodeConflict)
		a.open()
		a.report()
		if st := w.sys.Stats(); st.HostsAwaited != 1 {
			t.Errorf("%d hosts awaited", st.HostsAwaited)
		}
		_, err = w.bindTo(w.wantDevices("n", 1)[0], instance)
		w.must(err)
	})
}
