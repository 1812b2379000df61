package actors

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
)

// scenario is one transition: what is there before it, and the requests that
// bring it about. Everything else that happens then is the service's own.
type scenario struct {
	name  string
	setup func(w *scene)
	act   func(w *scene)
	// agents: two of the hosts have one.
	agents bool
	seen   bool // by a scheduler
	// together: events that come while one is on its way go together.
	together bool
	// work is how commands go during act; nil: at once, and well.
	work func(devices.Command) work
}

// scene is a scenario that is played.
type scene struct {
	*simulation
	l   *life
	ids []uuid.UUID
}

func (w *scene) create(profile string) uuid.UUID {
	ids := w.askCreate(w.l, profile)
	w.ids = append(w.ids, ids...)
	if len(ids) == 0 {
		return uuid.Nil
	}
	return ids[0]
}

// both makes requests at the same time.
func (w *scene) both(requests ...func()) {
	var wg sync.WaitGroup
	for _, ask := range requests {
		wg.Go(ask)
	}
	wg.Wait()
}

func having(profile string, n int) func(*scene) {
	return func(w *scene) {
		for range n {
			w.create(profile)
		}
	}
}

// bound makes n ARQs of a profile, bound by one request.
func bound(profile, host string, n int) func(*scene) {
	return func(w *scene) {
		having(profile, n)(w)
		_ = w.askBind(w.l, host, instance, w.ids...)
		<-time.After(time.Second)
	}
}

// Ways in which commands go.
var (
	atLength      = func(devices.Command) work { return work{takes: 3 * time.Second, effect: true} }
	badly         = func(devices.Command) work { return work{takes: time.Second, fails: true} }
	treacherously = func(devices.Command) work { return work{takes: time.Second, fails: true, effect: true} }
	forEver       = func(devices.Command) work { return work{takes: 2 * time.Minute, effect: true} }
)

// mdevsFirst ends the work for a mediated device before that for an image.
func mdevsFirst(c devices.Command) work {
	w := atLength(c)
	if c.Kind == devices.ProgramFPGA {
		w.takes *= 2
	}
	return w
}

// removingBadly fails to remove mediated devices at first.
func removingBadly() func(devices.Command) work {
	tries := 0
	return func(c devices.Command) work {
		if c.Kind != devices.RemoveMdev {
			return work{effect: true}
		}
		tries++
		return work{takes: time.Second, fails: tries == 1, effect: tries > 1}
	}
}

var scenarios = slices.Concat(plainScenarios, agentScenarios, healthScenarios)

var plainScenarios = []scenario{
	{name: "create", act: having("two", 1)},
	{name: "bind", setup: having("one", 1), act: func(w *scene) { _ = w.askBind(w.l, "h", instance, w.ids...) }},
	{name: "bind of several", setup: having("one", 3), act: func(w *scene) {
		_ = w.askPatch(w.l, PatchItem{w.ids[0], w.toHost("h", instance)}, PatchItem{w.ids[1], w.toHost("h", instance)},
			PatchItem{w.ids[2], w.toHost("g", another)})
	}},
	{name: "bind that is repeated", setup: bound("one", "h", 1), act: func(w *scene) {
		_ = w.askBind(w.l, "h", instance, w.ids...)
	}},
	{name: "bind without a free handle", setup: having("two", 2), act: func(w *scene) {
		_ = w.askBind(w.l, "h", instance, w.ids...)
	}},
	{name: "mixed patch", setup: func(w *scene) {
		bound("one", "h", 2)(w)
		w.create("one")
	}, act: func(w *scene) {
		_ = w.askPatch(w.l, PatchItem{ARQ: w.ids[0]}, PatchItem{ARQ: w.ids[1]}, PatchItem{w.ids[2], w.toHost("h", instance)})
	}},
	{name: "bind with an image", setup: having("program", 2), work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "h", instance, w.ids...)
	}},
	{name: "bind with an image that fails", setup: having("program", 2), work: badly, act: func(w *scene) {
		_ = w.askBind(w.l, "h", instance, w.ids...)
	}},
	{name: "bind with an image that takes too long", setup: having("program", 1), work: forEver, act: func(w *scene) {
		_ = w.askBind(w.l, "h", instance, w.ids...)
	}},
	{name: "bind of a mediated device", setup: having("vgpu", 2), work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "m", instance, w.ids...)
	}},
	{name: "bind of a mediated device that fails", setup: having("vgpu", 2), work: badly, act: func(w *scene) {
		_ = w.askBind(w.l, "m", instance, w.ids...)
	}},
	{name: "bind of a mediated device that is made and denied", setup: having("vgpu", 1), work: treacherously, act: func(w *scene) {
		_ = w.askBind(w.l, "m", instance, w.ids...)
	}},
	{name: "bind over an image and a mediated device", setup: func(w *scene) {
		w.create("program")
		w.create("vgpu")
	}, work: mdevsFirst, act: func(w *scene) {
		_ = w.askPatch(w.l, PatchItem{w.ids[0], w.toHost("h", instance)}, PatchItem{w.ids[1], w.toHost("m", instance)})
	}},
	{name: "two binds of one image", setup: having("program", 2), work: atLength, act: func(w *scene) {
		w.both(func() { _ = w.askBind(w.l, "h", instance, w.ids[0]) }, func() { _ = w.askBind(w.l, "h", another, w.ids[1]) })
	}},
	{name: "two binds for the last handle", setup: func(w *scene) {
		bound("one", "g", 1)(w)
		having("one", 2)(w)
	}, act: func(w *scene) {
		w.both(func() { _ = w.askBind(w.l, "g", another, w.ids[1]) },
			func() { _ = w.askBind(w.l, "g", uuid.UUID{15: 1}, w.ids[2]) })
	}},
	{name: "unbind", setup: bound("one", "h", 2), act: func(w *scene) { _ = w.askUnbind(w.l, w.ids[0]) }},
	{name: "unbind of all", setup: bound("one", "h", 2), act: func(w *scene) { _ = w.askUnbind(w.l, w.ids...) }},
	{name: "unbind of a mediated device", setup: bound("vgpu", "m", 1), work: atLength, act: func(w *scene) {
		_ = w.askUnbind(w.l, w.ids...)
	}},
	{name: "unbind during the preparation", setup: having("program", 1), work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "h", instance, w.ids...)
		_ = w.askUnbind(w.l, w.ids...)
	}},
	{name: "delete", setup: bound("one", "h", 2), act: func(w *scene) { _ = w.askRemove(w.l, w.ids[0]) }},
	{name: "delete by instance", setup: bound("one", "h", 2), act: func(w *scene) { _ = w.askRemoveInstance(w.l, instance) }},
	{name: "delete during the preparation", setup: having("vgpu", 2), work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "m", instance, w.ids...)
		_ = w.askRemoveInstance(w.l, instance)
	}},
	{name: "delete of a mediated device that stays", setup: bound("vgpu", "m", 1), act: func(w *scene) {
		w.machines.will(removingBadly())
		_ = w.askRemove(w.l, w.ids...)
		<-time.After(2 * cleanUpPause)
	}},
	{name: "delete and bind of one instance", setup: func(w *scene) {
		bound("one", "h", 1)(w)
		w.create("one")
	}, act: func(w *scene) {
		w.both(func() { _ = w.askRemoveInstance(w.l, instance) }, func() { _ = w.askBind(w.l, "h", instance, w.ids[1]) })
	}},
	{name: "disable and enable", seen: true, act: func(w *scene) {
		_ = w.askEnabled(w.l, "h", false)
		_ = w.askEnabled(w.l, "h", true)
	}},
	{name: "disable during a bind", setup: having("one", 1), act: func(w *scene) {
		w.both(func() { _ = w.askEnabled(w.l, "h", false) }, func() { _ = w.askBind(w.l, "h", instance, w.ids...) })
	}},
	{name: "program", work: atLength, act: func(w *scene) { _ = w.askProgram(w.l, "h", image) }},
	{name: "recovery from a programming", setup: func(w *scene) {
		having("one", 1)(w)
		w.machines.will(forEver)
		go func() { _ = w.askProgram(w.l, "h", image) }()
		<-time.After(time.Second)
		w.restart()
	}, act: func(w *scene) {
		w.boot()
		_ = w.askBind(w.l, "h", instance, w.ids...)
	}},
	{name: "program that fails", work: badly, act: func(w *scene) { _ = w.askProgram(w.l, "h", image) }},
	{name: "program against a bind", setup: having("one", 1), work: atLength, act: func(w *scene) {
		w.both(func() { _ = w.askProgram(w.l, "h", image) }, func() { _ = w.askBind(w.l, "h", instance, w.ids...) })
	}},
	{name: "attributes", act: func(w *scene) {
		id := uuid.UUID{0: 0xa}
		_ = w.askAttribute(w.l, "h", id)
		_ = w.askNoAttribute(w.l, "h", id)
	}},
	{name: "profiles", act: func(w *scene) {
		_ = w.askProfile(w.l, "spare", Request{"resources:FPGA", "1"})
		_ = w.askDrop(w.l, "spare")
	}},
	{name: "create against the profile's deletion", setup: func(w *scene) {
		_ = w.askProfile(w.l, "spare", Request{"resources:FPGA", "1"})
	}, act: func(w *scene) {
		w.both(func() { w.create("spare") }, func() { _ = w.askDrop(w.l, "spare") })
	}},
	{name: "a device that grows, and shrinks again", seen: true, act: func(w *scene) {
		larger, _ := fake.New(fake.Options{Host: "h", DevicesPerHost: 1, HandlesPerDevice: 5}).Discover(w.l.ctx)
		_ = w.l.sys.RegisterInventory(w.l.ctx, "h", larger.Devices)
		for w.l.sys.RegisterInventory(w.l.ctx, "h", simInventory("h")) != nil && !w.l.isDead() {
			<-time.After(time.Second) // the store had a bad day
		}
	}},
	{name: "the compute service is away", setup: having("one", 1), act: func(w *scene) {
		left := 2
		w.tell = func(context.Context, *Event) error {
			if left--; left >= 0 {
				return errors.New("away")
			}
			return nil
		}
		_ = w.askBind(w.l, "h", instance, w.ids...)
	}},
	{name: "events that are told together", together: true, setup: having("one", 3), act: func(w *scene) {
		n := 0
		w.tell = func(context.Context, *Event) error {
			switch n++; n {
			case 1:
				<-time.After(time.Second) // in which the others come
			case 3:
				return errors.New("away")
			}
			return nil
		}
		for i, id := range w.ids {
			_ = w.askBind(w.l, "h", uuid.UUID{15: byte(1 + i)}, id)
		}
		<-time.After(2 * time.Second)
	}},
	{name: "recovery", setup: func(w *scene) {
		having("program", 1)(w)
		having("vgpu", 2)(w)
		w.machines.will(forEver)
		_ = w.askBind(w.l, "h", instance, w.ids[0])
		_ = w.askBind(w.l, "m", another, w.ids[1], w.ids[2])
		_ = w.askRemove(w.l, w.ids[2])
		w.restart()
	}, act: func(w *scene) { w.boot() }},
}

// restart ends the process and makes another, which does not run yet.
func (w *scene) restart() {
	w.kill(w.l)
	synctest.Wait()
	w.begin(w.l.next)
	w.l = w.life
}
