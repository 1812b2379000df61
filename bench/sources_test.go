package bench

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestParseStat(t *testing.T) {
	const line = "42 (a) b (c) S 1 42 42 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 9 0 100 1000 200"
	if got, err := parseStat([]byte(line)); err != nil || got != 1750*time.Millisecond {
		t.Errorf("%v (%v), want 1.75 s", got, err)
	}
	for _, bad := range []string{"", "42 (a) S 1 2", strings.Replace(line, "150", "x", 1)} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// The two ways to read processor time agree, to the tick of the coarser one.
func TestProcessCPUOfOurselves(t *testing.T) {
	before, err := OwnCPU()
	if err != nil {
		t.Fatal(err)
	}
	seen, err := ProcessCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	after, err := OwnCPU()
	if err != nil {
		t.Fatal(err)
	}
	if seen < before-2*tick || seen > after+2*tick {
		t.Errorf("%v from /proc, between %v and %v by getrusage", seen, before, after)
	}
}

func TestProcessMemoryOfOurselves(t *testing.T) {
	m, err := ProcessMemory(os.Getpid())
	if err != nil || m.Anonymous < 1<<20 || m.Peak < m.Anonymous {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestMetrics(t *testing.T) {
	before := parseMetrics([]byte("h_sum 10\nh_count 4\n"))
	after := parseMetrics([]byte("# HELP h Text 7\nh_sum 1.6e1\nh_count 6\ng{state=\"a b\"} 3\nbad x\n\n"))
	if got := after.Mean(before, "h"); got != 3 {
		t.Errorf("mean %v, want 3", got)
	}
	if got := after.Mean(after, "h"); got != 0 {
		t.Errorf("mean of nothing %v, want 0", got)
	}
	if got := after[`g{state="a b"}`]; got != 3 || len(after) != 3 {
		t.Errorf("%v in %v", got, after)
	}
}

func TestRequests(t *testing.T) {
	id, instance := uuid.New(), uuid.New()
	for start, r := range map[string][]byte{
		"GET /v2/accelerator_requests/" + id.String() + " HTTP":         ShowARQ("h:1", id),
		"GET /v2/accelerator_requests?limit=7 HTTP":                     ListARQs("h:1", 7),
		"DELETE /v2/accelerator_requests?arqs=" + id.String() + " HTTP": DeleteARQ("h:1", id),
		"POST /v2/accelerator_requests HTTP":                            CreateARQs("h:1", `a"b`),
		"POST /v2/device_profiles HTTP":                                 CreateProfile("h:1", "p", 3, Resource{"resources:FPGA", "1"}, Resource{"accel:x", "y"}),
		"PATCH /v2/accelerator_requests HTTP":                           BindARQ("h:1", id, Binding{"host", id, instance}),
	} {
		head, body, _ := strings.Cut(string(r), "\r\n\r\n")
		if !strings.HasPrefix(head, start) || !strings.Contains(head, "\r\nHost: h:1\r\n") {
			t.Errorf("%q, want it to start with %q and to name the host", head, start)
		}
		if body != "" && !json.Valid([]byte(body)) {
			t.Errorf("%s: the body is not JSON: %s", start, body)
		}
	}
}

func TestProfileBodyHasItsGroups(t *testing.T) {
	r := CreateProfile("h", "p", 2, Resource{"resources:FPGA", "1"}, Resource{"accel:x", "y"})
	_, body, _ := strings.Cut(string(r), "\r\n\r\n")
	const want = `[{"name": "p", "groups": [{"resources:FPGA": "1", "accel:x": "y"}, {"resources:FPGA": "1", "accel:x": "y"}]}]`
	if body != want {
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
