package actors

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// gallery is an image service.
type gallery struct {
	functions map[string][]uuid.UUID
	missing   uuid.UUID // cannot be described
	takes     time.Duration
	away      error

	mu    sync.Mutex
	asked []string
}

func withGallery(g *gallery) worldOption { return func(w *world) { w.opts.Images = g } }

func (g *gallery) ImagesFor(_ context.Context, function string) ([]devices.Image, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, function)
	var images []devices.Image
	for _, id := range g.functions[function] {
		images = append(images, devices.Image{ID: id})
	}
	return images, g.away
}

func (g *gallery) Image(_ context.Context, id uuid.UUID) (devices.Image, error) {
	if id == g.missing {
		return devices.Image{}, devices.ErrNoImage
	}
	<-time.After(g.takes)
	image := devices.Image{ID: id, Size: 7, Hash: "sha512", Digest: "abc"}
	for function, images := range g.functions {
		if slices.Contains(images, id) {
			image.Function = function
		}
	}
	return image, nil
}

func (g *gallery) Open(context.Context, uuid.UUID) (io.ReadCloser, devices.Image, error) {
	return nil, devices.Image{}, errors.New("nobody reads here")
}

var imageA, imageB = uuid.MustParse("a0000000-0000-4000-8000-000000000001"), uuid.MustParse("b0000000-0000-4000-8000-000000000001")

// wantLoaded wants these images to have been loaded, in order.
func wantLoaded(w *world, done *[]devices.Command, want ...uuid.UUID) {
	w.t.Helper()
	synctest.Wait()
	var got []uuid.UUID
	for _, c := range *done {
		got = append(got, c.Image)
		if c.Content.ID != c.Image || c.Content.Size != 7 || c.Content.Digest != "abc" {
			w.t.Errorf("the command says of its image: %+v", c.Content)
		}
	}
	if len(got) != len(want) {
		w.t.Fatalf("loaded: %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			w.t.Errorf("loaded: %v, want %v", got, want)
		}
	}
}

func TestAGroupAsksForAFunction(t *testing.T) {
	g := &gallery{functions: map[string][]uuid.UUID{"crypto": {imageA}, "video": {imageB}}}
	inBubble(t, 4, func(w *world) {
		var done []devices.Command
		w.do = func(_ context.Context, c devices.Command) error { done = append(done, c); return nil }
		w.profile("crypto", Request{"resources:FPGA", "1"}, Request{"accel:function_id", "crypto"})
		w.profile("video", Request{"resources:FPGA", "1"}, Request{"accel:function_id", "video"})
		w.profile("by-uuid", Request{"resources:FPGA", "1"}, Request{"accel:bitstream_id", imageA.String()})

		first := w.create("crypto", 1)
		w.must(w.bind(w.to("h", instance), first...))
		wantLoaded(w, &done, imageA)
		w.wantStates("Bound", first...)

		// What is loaded is not loaded again, however it is named.
		w.must(w.bind(w.to("h", another), w.create("by-uuid", 1)...))
		wantLoaded(w, &done, imageA)

		// Another function would take it away from them.
		w.wantCode(w.bind(w.to("h", uuid.New()), w.create("video", 1)...), CodeConflict)
		w.must(w.removeInstance(instance))
		w.must(w.removeInstance(another))
		third := w.create("video", 1)
		w.must(w.bind(w.to("h", instance), third...))
		wantLoaded(w, &done, imageA, imageB)
		w.wantStates("Bound", third...)
		w.wantConsistent()
	}, withGallery(g))
}

func TestFunctionsWithoutOneImage(t *testing.T) {
	g := &gallery{functions: map[string][]uuid.UUID{"twice": {imageA, imageB}}}
	inBubble(t, 4, func(w *world) {
		w.profile("twice", Request{"resources:FPGA", "1"}, Request{"accel:function_id", "twice"})
		w.profile("never", Request{"resources:FPGA", "1"}, Request{"accel:function_id", "never"})
		twice, never := w.create("twice", 1), w.create("never", 1)
		err := w.bind(w.to("h", instance), twice...)
		w.wantCode(err, CodeConflict)
		if err == nil || !strings.Contains(err.Error(), imageA.String()+", "+imageB.String()) {
			t.Errorf("%v", err)
		}
		w.wantCode(w.bind(w.to("h", instance), never...), CodeConflict)
		g.away = errors.New("503")
		w.wantCode(w.bind(w.to("h", instance), never...), CodeUnavailable)
		g.away = nil
		w.wantStates("Initial", append(twice, never...)...)
		w.wantHandles(4, 0, 0)

		// For ARQs that the caller may not see, and for unbinds, nobody is asked.
		g.asked = nil
		w.wantCode(w.sys.PatchARQs(w.t.Context(), Patch{
			Scope: Scope{ProjectID: "other"}, Items: []PatchItem{{never[0], w.to("h", instance)}},
		}), CodeNotFound)
		w.must(w.unbind(never...))
		if len(g.asked) != 0 {
			t.Errorf("asked for %v", g.asked)
		}
	}, withGallery(g))
}

func TestFunctionsWithoutAnImageService(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.profile("f", Request{"resources:FPGA", "1"}, Request{"accel:function_id", "f"})
		w.wantCode(w.bind(w.to("h", instance), w.create("f", 1)...), CodeConflict)
	})
}

// An image that cannot be had fails the bind, and nothing is told to the device.
func TestAnImageThatIsGone(t *testing.T) {
	inBubble(t, 4, func(w *world) {
		w.do = func(context.Context, devices.Command) error { t.Error("it is loaded"); return nil }
		w.profile("gone", Request{"resources:FPGA", "1"}, Request{"accel:bitstream_id", imageA.String()})
		ids := w.create("gone", 1)
		w.must(w.bind(w.to("h", instance), ids...))
		synctest.Wait()
		w.wantStates("BindFailed", ids...)
		w.wantHandles(4, 0, 0)
	}, withGallery(&gallery{missing: imageA}))
}
