package actors

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// wantFunctions wants the scheduler to have been shown these function traits of
// the device, and no others.
func (w *world) wantFunctions(s *shelf, want ...string) {
	w.t.Helper()
	var got []string
	for _, t := range s.seen(w.t, w.device()).Traits {
		if strings.HasPrefix(t, functionTraits) {
			got = append(got, t)
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the scheduler sees the functions %v, want %v", got, want)
	}
}

func withFunctions(s *shelf) (worldOption, worldOption) {
	g := &gallery{functions: map[string][]uuid.UUID{"crypto-2": {imageA}, "video": {imageB}}}
	return withGallery(g), withShelf(s)
}

// What an FPGA does follows what is loaded into it: the scheduler sees it, also
// after a restart, and nothing while it is being loaded or if that has failed.
func TestTheFunctionOfAnFPGAIsShown(t *testing.T) {
	s := &shelf{}
	images, shown := withFunctions(s)
	inBubble(t, 4, func(w *world) {
		finish := make(chan error)
		w.do = func(context.Context, devices.Command) error { return <-finish }
		w.profile("crypto", Request{"resources:FPGA", "1"}, Request{"accel:function_id", "crypto-2"})
		w.profile("by-uuid", Request{"resources:FPGA", "1"}, Request{"accel:bitstream_id", imageB.String()})
		w.wantFunctions(s)
		bound := w.create("crypto", 1)
		w.must(w.bind(w.to("h", instance), bound...))
		w.wantFunctions(s)
		finish <- nil
		w.wantFunctions(s, "CUSTOM_FPGA_FUNCTION_ID_FAKE_CRYPTO_2")
		w.wantStates("Bound", bound...)
		w.crash()
		w.wantFunctions(s, "CUSTOM_FPGA_FUNCTION_ID_FAKE_CRYPTO_2")
		w.must(w.removeInstance(instance))
		w.wantFunctions(s, "CUSTOM_FPGA_FUNCTION_ID_FAKE_CRYPTO_2") // nothing has changed in the card

		w.must(w.bind(w.to("h", instance), w.create("by-uuid", 1)...))
		w.wantFunctions(s)
		finish <- nil
		w.wantFunctions(s, "CUSTOM_FPGA_FUNCTION_ID_FAKE_VIDEO")
		w.must(w.removeInstance(instance))
		w.must(w.bind(w.to("h", instance), w.create("crypto", 1)...))
		finish <- errors.New("the tool has failed")
		w.wantFunctions(s)
		w.wantConsistent()
	}, images, shown)
}

// An administrator's image counts as well, if the image service knows what it does.
func TestTheFunctionOfAProgrammedFPGAIsShown(t *testing.T) {
	s := &shelf{}
	images, shown := withFunctions(s)
	inBubble(t, 4, func(w *world) {
		dep := w.deployableOf("h")
		for image, want := range map[uuid.UUID][]string{
			imageB: {"CUSTOM_FPGA_FUNCTION_ID_FAKE_VIDEO"}, uuid.New(): nil,
		} {
			if _, err := w.sys.ProgramDeployable(w.t.Context(), dep.UUID, image); err != nil {
				t.Fatal(err)
			}
			w.wantFunctions(s, want...)
		}
	}, images, shown)
}

// Guests may ask for what is loaded, as they see it in the scheduler.
func TestAGroupWantsWhatIsLoaded(t *testing.T) {
	s := &shelf{}
	images, shown := withFunctions(s)
	inBubble(t, 4, func(w *world) {
		w.profile("loads", Request{"resources:FPGA", "1"}, Request{"accel:function_id", "video"})
		w.profile("finds", Request{"resources:FPGA", "1"}, Request{"trait:CUSTOM_FPGA_FUNCTION_ID_FAKE_VIDEO", "required"})
		w.wantCode(w.bind(w.to("h", another), w.create("finds", 1)...), CodeConflict)
		w.must(w.bind(w.to("h", instance), w.create("loads", 1)...))
		synctest.Wait()
		w.must(w.bind(w.to("h", another), w.create("finds", 1)...))
	}, images, shown)
}

// What the host has reported of an FPGA's function counts until something is
// loaded, and again when it has looked since.
func TestWhatTheHostSaysOfFunctionsGrowsOld(t *testing.T) {
	const reported, later = "CUSTOM_FPGA_FUNCTION_ID_INTEL_AAAA", "CUSTOM_FPGA_FUNCTION_ID_INTEL_BBBB"
	s := &shelf{}
	images, shown := withFunctions(s)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, images, shown)
		w.start(w.store)
		class := devices.Attribute{Key: "rc", Value: "FPGA"}
		function := func(name string) devices.Attribute { return devices.Attribute{Key: "trait0", Value: name} }
		w.report(4, class, function(reported))
		w.wantFunctions(s, reported)
		image := uuid.New() // of which nobody knows what it does
		if _, err := w.sys.ProgramDeployable(t.Context(), w.device().Deployables[0].UUID, image); err != nil {
			t.Fatal(err)
		}
		w.wantFunctions(s)
		w.report(4, class, function(reported), devices.Attribute{Key: "colour", Value: "red"})
		w.wantFunctions(s)
		w.crash()
		w.wantFunctions(s)
		w.report(4, class, function(later))
		w.wantFunctions(s, later)
		if _, err := w.sys.ProgramDeployable(t.Context(), w.device().Deployables[0].UUID, imageB); err != nil {
			t.Fatal(err)
		}
		w.wantFunctions(s, "CUSTOM_FPGA_FUNCTION_ID__VIDEO") // these devices name no driver
		w.report(4, class, function(reported))
		w.wantFunctions(s, reported, "CUSTOM_FPGA_FUNCTION_ID__VIDEO")
		<-time.After(time.Minute)
		w.wantSupplies(map[string]int{"synced": 1})
		w.wantConsistent()
		w.stop()
	})
}

func TestAFunctionWithoutAName(t *testing.T) {
	for function, want := range map[string]int{"": 0, strings.Repeat("f", 200): 230, strings.Repeat("f", 226): 0} {
		d := Deployable{DriverName: "intel", Function: function}
		if got := d.functionTrait(); len(got) != want {
			t.Errorf("a function of %d characters: %q", len(function), got)
		}
	}
}
