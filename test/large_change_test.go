package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestChangesTooLargeForTheStore: what a client asks for may be more than one
// transaction takes. That is the client's to mend, in a create, a bind and an
// unbind, and changes nothing; a part of it is done.
func TestChangesTooLargeForTheStore(t *testing.T) {
	p := start(t, options{"fake.hosts": "compute1", "fake.handles_per_device": "256"})
	c := p.client()
	wordy := func(name string, n int) {
		body := fmt.Sprintf(`[{"name": %q, "groups": [{"resources:FPGA": "%d", "accel:note": %q}]}]`, name, n, strings.Repeat("x", 60000))
		c.want(http.StatusCreated, http.MethodPost, "/device_profiles", body)
	}
	tooLarge := func(method, path string, body any) {
		t.Helper()
		a := c.send(method, path, body)
		if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "too large") {
			t.Errorf("%s %s: status %d, want 400 that says it is too large: %.300s", method, path, a.status, a.body)
		}
	}
	wordy("most", 256)
	tooLarge(http.MethodPost, "/accelerator_requests", createBody("most"))
	wordy("many", 90)
	first, second := c.create("many"), c.create("many")
	all := append(append([]string{}, first...), second...)
	at := c.deployable()
	tooLarge(http.MethodPatch, "/accelerator_requests", bindBody(at, newUUID(), all...))
	for _, a := range c.arqs("") {
		if a.State != "Initial" {
			t.Fatalf("%s is %s after a bind that was refused", a.UUID, a.State)
		}
	}
	c.bind(at, newUUID(), first...)
	c.bind(at, newUUID(), second...)
	tooLarge(http.MethodPatch, "/accelerator_requests", unbindBody(all...))
	c.unbind(first...)
	c.unbind(second...)
	p.checkHandles(c, 256)
}
