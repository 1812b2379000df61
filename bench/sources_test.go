package bench

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/rest"
)

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
		"POST /v2/device_profiles HTTP":                                 CreateProfile("h:1", "p", 3, rest.Resource{Key: "resources:FPGA", Value: "1"}, rest.Resource{Key: "accel:x", Value: "y"}),
		"PATCH /v2/accelerator_requests HTTP":                           BindARQ("h:1", id, rest.Binding{Hostname: "host", Provider: id, Instance: instance}),
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
