package rest

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestProfileBodyHasItsGroups(t *testing.T) {
	body := ProfileBody("p", 2, Resource{"resources:FPGA", "1"}, Resource{"accel:x", "y"})
	const want = `[{"name": "p", "groups": [{"resources:FPGA": "1", "accel:x": "y"}, {"resources:FPGA": "1", "accel:x": "y"}]}]`
	if string(body) != want {
		t.Errorf("%s, want %s", body, want)
	}
}

func TestFirstUUID(t *testing.T) {
	id := uuid.New()
	for body, want := range map[string]uuid.UUID{
		`{"arqs": [{"uuid": "` + id.String() + `", "state": "Initial"}, {"uuid": "x"}]}`: id,
		`{"arqs": []}`: uuid.Nil, `"uuid": "short"`: uuid.Nil, `"uuid": "` + strings.Repeat("z", 36): uuid.Nil,
	} {
		if got := FirstUUID([]byte(body)); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}
