package actors

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

func TestCreatingARQs(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		p, err := w.sys.CreateProfile(w.t.Context(), ProfileSpec{Name: "mixed", Groups: [][]Request{
			{{"resources:FPGA", "2"}},
			{{"trait:CUSTOM_X", "required"}},
			{{"resources:FPGA", "1"}, {"resources:PGPU", "2"}},
			{{"resources:FPGA", "1"}, {"trait:CUSTOM_FPGA_XILINX", "required"}},
		}})
		w.must(err)
		made, err := w.sys.CreateARQs(w.t.Context(), CreateARQs{ProfileName: "mixed", ProjectID: "demo"})
		w.must(err)
		var groups []int
		for i, a := range made {
			groups = append(groups, a.Group.Index)
			if a.State != Initial || a.ProjectID != "demo" || a.UUID.Version() != 7 || a.Group.ProfileUUID != p.UUID {
				t.Errorf("%+v", a)
			}
			if seen, ok := w.sys.ARQ(a.UUID); !ok || seen != a {
				t.Errorf("ARQ %d cannot be read back at once", i)
			}
		}
		want := []int{0, 0, 2, 2, 2, 3, 3}
		if len(groups) != len(want) {
			t.Fatalf("groups %v, want %v", groups, want)
		}
		for i := range want {
			if groups[i] != want[i] {
				t.Errorf("groups %v, want %v", groups, want)
			}
		}
		_, err = w.sys.CreateARQs(w.t.Context(), CreateARQs{ProfileName: "nope"})
		w.wantCode(err, CodeNotFound)
	})
}

// The ARQ keeps its group's text even when the profile is made anew.
func TestProfilesHaveUniqueNamesAndUUIDs(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		first := w.profile("one")
		groups := [][]Request{{{"resources:FPGA", "1"}}}
		_, err := w.sys.CreateProfile(w.t.Context(), ProfileSpec{Name: "one", Groups: groups})
		w.wantCode(err, CodeConflict)
		_, err = w.sys.CreateProfile(w.t.Context(), ProfileSpec{Name: "two", UUID: first.UUID, Groups: groups})
		w.wantCode(err, CodeConflict)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = w.sys.CreateProfile(context.Background(), ProfileSpec{Name: "race", Groups: groups})
			})
		}
		wg.Wait()
		w.wantOneWinner(errs, CodeConflict)
	})
}

func TestDeletingProfiles(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a, _, used := w.profile("a"), w.profile("b"), w.profile("used")
		id := w.create("used", 1)[0]
		del := func(names ...string) error { return w.sys.DeleteProfiles(w.t.Context(), names) }
		w.wantCode(del("a", "nope"), CodeNotFound)
		w.wantCode(del("b", "used"), CodeConflict)
		w.wantCode(del(""), CodeNotFound)
		for _, n := range []string{"a", "b", "used"} {
			if _, ok := w.sys.ProfileByName(n); !ok {
				t.Errorf("%s is gone by a refused request", n)
			}
		}
		w.must(del("a", a.UUID.String(), "b")) // twice the same is one
		w.wantCode(del("a"), CodeNotFound)
		if _, ok := w.sys.ProfileByName("b"); ok {
			t.Error("a is gone and b is not")
		}
		w.must(w.remove(id))
		w.must(del(used.UUID.String()))
		w.profile("a") // the name is free again
	})
}

// Creating from a profile and deleting it at the same time: whoever was told
// yes has it.
func TestCreateAndDeleteOfAProfileAreOrdered(t *testing.T) {
	for range 50 {
		inBubble(t, 1, func(w *world) {
			w.profile("one")
			var wg sync.WaitGroup
			made := make([][]*ARQ, 6)
			var deleted error
			for i := range made {
				wg.Go(func() {
					var err error
					made[i], err = w.sys.CreateARQs(context.Background(), CreateARQs{ProfileName: "one", ProjectID: "demo"})
					if err != nil {
						w.wantCode(err, CodeNotFound)
					}
				})
				if i == 2 {
					wg.Go(func() { deleted = w.sys.DeleteProfiles(context.Background(), []string{"one"}) })
				}
			}
			wg.Wait()
			synctest.Wait()
			n := len(w.query(ARQQuery{Scope: admin}))
			told := 0
			for _, m := range made {
				told += len(m)
			}
			_, exists := w.sys.ProfileByName("one")
			if n != told || exists != (deleted != nil) || deleted == nil && n > 0 {
				t.Errorf("%d ARQs, %d acknowledged, deleted: %v, profile exists: %v", n, told, deleted, exists)
			}
			if deleted != nil {
				w.wantCode(deleted, CodeConflict)
			}
		})
	}
}

func TestDevicesAndAttributes(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		w.inventory("g", 2)
		dep := w.deployableOf("g")
		if dep.ID != 2 || dep.DeviceID != 2 || w.deployableOf("h").ID != 1 {
			t.Errorf("numbers %d, %d", dep.ID, w.deployableOf("h").ID)
		}
		id := uuid.New()
		a, err := w.sys.CreateAttribute(w.t.Context(), NewAttribute{UUID: id, DeployableID: 2, Key: "trait5", Value: "CUSTOM_Y"})
		w.must(err)
		if got, ok := w.sys.Attribute(id); !ok || got != a || got.DeployableID != 2 {
			t.Errorf("attribute %+v", got)
		}
		for _, deployable := range []int{1, 2} { // the uuid is taken, there and elsewhere
			_, err = w.sys.CreateAttribute(w.t.Context(), NewAttribute{UUID: id, DeployableID: deployable, Key: "k", Value: "v"})
			w.wantCode(err, CodeConflict)
		}
		_, err = w.sys.CreateAttribute(w.t.Context(), NewAttribute{DeployableID: 9, Key: "k", Value: "v"})
		w.wantCode(err, CodeNotFound)

		w.profile("y", Request{"resources:FPGA", "1"}, Request{"trait:CUSTOM_Y", "required"})
		arqs := w.create("y", 2)
		w.must(w.bind(w.to("g", instance), arqs[0])) // the new trait counts
		w.must(w.sys.DeleteAttribute(w.t.Context(), id))
		w.wantCode(w.sys.DeleteAttribute(w.t.Context(), id), CodeNotFound)
		w.wantCode(w.bind(w.to("g", another), arqs[1]), CodeConflict)

		device := w.sys.Devices()[1].UUID
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), device, false))
		w.must(w.sys.SetDeviceEnabled(w.t.Context(), device, false))
		w.wantCode(w.sys.SetDeviceEnabled(w.t.Context(), uuid.New(), false), CodeNotFound)
		w.wantStates("Bound", arqs[0]) // what is bound stays
		w.crash()
		if d, _ := w.sys.Device(device); !d.Disabled || w.sys.Devices()[0].Disabled {
			t.Errorf("after a restart: %+v", d)
		}
		w.inventory("g", 4) // the device has grown, and stays disabled
		w.wantHandles(5, 1, 0)
		if d, _ := w.sys.Device(device); !d.Disabled || d.Deployables[0].NumAccelerators != 4 {
			t.Errorf("after a report: %+v", d.Deployables[0])
		}
		w.inventory("g", 1) // and shrunk: what is free goes, what is taken stays
		w.wantHandles(2, 1, 0)
		w.wantConsistent()
	})
}

func TestNumbersGoOnAfterARestart(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.inventory("g", 1)
		w.crash()
		w.inventory("k", 1)
		if d := w.sys.Devices()[2]; d.ID != 3 || d.Deployables[0].ID != 3 {
			t.Errorf("the third device is number %d, its deployable number %d", d.ID, d.Deployables[0].ID)
		}
		w.wantConsistent()
	})
}

func TestAnInventoryThatCannotBeShownIsRefused(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		for _, info := range []string{"", "null", "[]", "{", `{"a": 1}}`} {
			err := w.sys.RegisterInventory(w.t.Context(), "x", []devices.Device{{
				ControlPath: devices.ControlPathID{Info: "x"},
				Deployables: []devices.Deployable{{Name: "x", AttachHandles: []devices.AttachHandle{{Type: "PCI", Info: info}}}},
			}})
			w.wantCode(err, CodeInvalid)
		}
		if n := len(w.sys.Devices()); n != 1 {
			t.Errorf("%d devices", n)
		}
	})
}

func TestProgrammingADeployable(t *testing.T) {
	inBubble(t, 2, func(w *world) {
		end := withProgramming(w)
		w.profile("one")
		dep, img := w.deployableOf("h"), uuid.MustParse(image)
		id := w.create("one", 1)[0]
		w.must(w.bind(w.to("h", instance), id))
		_, err := w.sys.ProgramDeployable(w.t.Context(), dep.UUID, img)
		w.wantCode(err, CodeConflict) // in use
		w.must(w.unbind(id))

		var wg sync.WaitGroup
		var got *Deployable
		wg.Go(func() { got, err = w.sys.ProgramDeployable(context.Background(), dep.UUID, img) })
		synctest.Wait()
		w.wantCode(w.bind(w.to("h", instance), id), CodeConflict) // being programmed
		_, again := w.sys.ProgramDeployable(w.t.Context(), dep.UUID, img)
		w.wantCode(again, CodeConflict)
		end <- nil
		wg.Wait()
		w.must(err)
		if got.BitstreamID != img || w.deployableOf("h").BitstreamID != img {
			t.Errorf("on record: %s", got.BitstreamID)
		}
		wg.Go(func() { _, err = w.sys.ProgramDeployable(context.Background(), dep.UUID, uuid.New()) })
		end <- context.DeadlineExceeded
		wg.Wait()
		w.wantCode(err, CodeDeviceFailed)
		if now := w.deployableOf("h").BitstreamID; now != uuid.Nil {
			t.Errorf("after a failure %s is on record", now)
		}
		_, err = w.sys.ProgramDeployable(w.t.Context(), uuid.New(), img)
		w.wantCode(err, CodeNotFound)
		w.must(w.bind(w.to("h", instance), id))
	})
}
