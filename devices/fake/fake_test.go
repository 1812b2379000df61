package fake

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// The first device of a host is what the reference's fake driver reports, as
// it was measured.
func TestFirstDeviceIsTheReferences(t *testing.T) {
	raw, err := os.ReadFile("testdata/fake-only.json")
	if err != nil {
		t.Fatal(err)
	}
	var measured map[string]struct {
		Devices []devices.Device `json:"devices"`
	}
	if err := json.Unmarshal(raw, &measured); err != nil {
		t.Fatal(err)
	}
	got, err := New(Options{Host: "node1.example.org", DevicesPerHost: 1, HandlesPerDevice: 16}).Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(measured[Name].Devices)
	have, _ := json.Marshal(got.Devices)
	if string(want) != string(have) {
		t.Errorf("discovered\n%s\nwant\n%s", have, want)
	}
	if rp := got.Devices[0].Deployables[0].ProviderUUID().String(); rp != "cf9f5d5a-364c-3763-a642-d158f1ee7416" {
		t.Errorf("provider uuid %s", rp)
	}
}

func TestDevicesOfAHostAreDistinct(t *testing.T) {
	got, _ := New(Options{Host: "h", DevicesPerHost: 300, HandlesPerDevice: 1}).Discover(t.Context())
	paths, names := map[string]bool{}, map[string]bool{}
	for _, d := range got.Devices {
		paths[d.ControlPath.Info], names[d.Deployables[0].Name] = true, true
	}
	if len(paths) != 300 || len(names) != 300 {
		t.Errorf("%d control paths and %d names of 300", len(paths), len(names))
	}
}

func TestProgrammingTakesItsTimeAndFailsOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := uuid.New()
		d := New(Options{OperationDelay: 3 * time.Second, FailImages: []uuid.UUID{bad}})
		start := time.Now()
		if err := d.Do(t.Context(), devices.Command{Kind: devices.ProgramFPGA, Image: uuid.New()}); err != nil {
			t.Errorf("a good image: %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
		if err := d.Do(t.Context(), devices.Command{Kind: devices.ProgramFPGA, Image: bad}); !errors.Is(err, ErrImage) {
			t.Errorf("a bad image: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Do(ctx, devices.Command{Kind: devices.ProgramFPGA}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with too little time: %v", err)
		}
	})
}
