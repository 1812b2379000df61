package actors

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// slowOnce delays the next change of a handle by a second.
func slowOnce() func(persistence.Transition) memory.Fault {
	slowed := false
	return func(t persistence.Transition) memory.Fault {
		for _, p := range t.Puts {
			if p.Key.Kind == kindHandle && !slowed {
				slowed = true
				return memory.Fault{Delay: time.Second}
			}
		}
		return memory.Fault{}
	}
}

// lacks leaves the first handle of the first device out of what is reported.
func (a *scripted) lacks() devices.AttachHandle {
	dep := &a.content.Devices[0].Deployables[0]
	first := dep.AttachHandles[0]
	dep.AttachHandles = dep.AttachHandles[1:]
	return first
}

// A handle that a scan misses while it is being given back, or while it is being
// taken and that comes to nothing, is given to nobody from then on.
func TestAHandleIsMissedWhileItChangesHands(t *testing.T) {
	for what, change := range map[string]func(w *world, d *Device, all *sync.WaitGroup){
		"given back": func(w *world, d *Device, all *sync.WaitGroup) {
			id := w.bound(d, instance)
			w.setFaults(slowOnce())
			all.Go(func() { w.must(w.unbind(id)) })
		},
		"taken, given back": func(w *world, d *Device, all *sync.WaitGroup) {
			w.profile("one")
			id := w.create("one", 1)[0]
			w.setFaults(slowOnce())
			all.Go(func() {
				w.must(w.bind(w.to("n", instance), id))
				w.must(w.unbind(id))
			})
		},
		"taken in vain": func(w *world, _ *Device, all *sync.WaitGroup) {
			w.profile("one")
			id := w.create("one", 1)[0]
			w.setFaults(func(t persistence.Transition) memory.Fault {
				f := slowOnce()(t)
				if f.Delay > 0 {
					f.Effect, f.Err = memory.Lose, persistence.ErrUnavailable
				}
				return f
			})
			all.Go(func() { w.wantCode(w.bind(w.to("n", instance), id), CodeUnavailable) })
		},
	} {
		t.Run(what, func(t *testing.T) {
			withAgent(t, func(w *world, a *scripted, d *Device) {
				var all sync.WaitGroup
				change(w, d, &all)
				synctest.Wait()
				back := a.lacks()
				a.report()
				all.Wait()
				w.setFaults(nil)
				w.wantHandles(4, 0, 0) // one of which is the built-in device's
				w.wantConsistent()

				dep := &a.content.Devices[0].Deployables[0]
				dep.AttachHandles = append(dep.AttachHandles, back)
				a.report()
				w.wantHandles(5, 0, 0)
				w.crash()
				w.wantHandles(5, 0, 0)
				w.wantConsistent()
			})
		})
	}
}

// One that is reported again while it is being given back is not missing
// afterwards, also if that could not be put right at once.
func TestAHandleIsReportedAgainWhileItIsGivenBack(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		id := w.bound(d, instance)
		back := a.lacks()
		a.report()
		unbinding, slow := false, slowOnce()
		w.setFaults(func(t persistence.Transition) memory.Fault {
			f := slow(t)
			switch {
			case f.Delay > 0:
				unbinding = true
			case unbinding && slices.ContainsFunc(t.Puts, func(p persistence.Put) bool { return p.Key.Kind == kindHandle }):
				f.Effect, f.Err = memory.Lose, persistence.ErrUnavailable
			}
			return f
		})
		var all sync.WaitGroup
		all.Go(func() { w.must(w.unbind(id)) })
		synctest.Wait()
		dep := &a.content.Devices[0].Deployables[0]
		dep.AttachHandles = append([]devices.AttachHandle{back}, dep.AttachHandles...)
		a.report()
		all.Wait()
		w.wantHandles(4, 0, 0)
		w.setFaults(nil)
		<-time.After(2 * healthRetry)
		w.wantHandles(5, 0, 0)
		w.wantConsistent()
	})
}

// Handles that come and go, as virtual functions do, leave no gaps behind that are
// looked through ever after.
func TestHandlesComeAndGo(t *testing.T) {
	withAgent(t, func(w *world, a *scripted, d *Device) {
		dep := &a.content.Devices[0].Deployables[0]
		all := dep.AttachHandles
		for range 5 {
			dep.AttachHandles = all[:1]
			a.report()
			dep.AttachHandles = all
			a.report()
		}
		most := 0
		w.must(w.store.Each(w.t.Context(), func(r persistence.Record) error {
			if r.Key.Kind == kindHandle {
				h, err := decodeHandle(r)
				w.must(err)
				if h.Deployable == d.Deployables[0].UUID {
					most = max(most, h.Order)
				}
			}
			return nil
		}))
		if most != len(all)-1 {
			t.Errorf("the last of %d handles is in place %d", len(all), most)
		}
		w.wantHandles(5, 0, 0)
		w.wantConsistent()
	})
}
