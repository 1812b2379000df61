package test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// createFunctionProfile makes a profile of one FPGA that does something.
func (c *client) createFunctionProfile(name, function string) {
	c.t.Helper()
	c.want(201, http.MethodPost, "/device_profiles", fmt.Sprintf(
		`[{"name": %q, "groups": [{"resources:FPGA": "1", "accel:function_id": %q}]}]`, name, function))
}

// TestImagesFromGlance loads images of a real Glance, named by uuid and by what
// they do. What is loaded is seen in a real Placement.
func TestImagesFromGlance(t *testing.T) {
	needs(t, "glance")
	glance, err := openstacktest.StartGlance()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(glance.Close)
	s := newScheduled(t)
	s.keystone.SetCatalog(atPlacement(s.placement), openstacktest.Endpoint{Type: "image", Interface: "public", Region: "one", URL: glance.URL})
	s.must(http.MethodPost, "/resource_providers", map[string]any{"name": "compute1", "uuid": s.root})
	maps.Copy(s.opts, options{
		"glance.auth_url": s.keystone.URL, "glance.user_id": "u", "glance.project_id": "p", "glance.password": openstacktest.Password,
	})
	p := start(t, s.opts)
	p.mayFail = true // answers 503 while Glance is away
	c := p.client()

	crypto, video, broken := newUUID(), newUUID(), newUUID()
	content := []byte(strings.Repeat("a bitstream ", 100_000))
	glance.Create(t, crypto, content, map[string]any{"accel:function_id": "crypto"})
	glance.Create(t, video, content, map[string]any{"accel:function_id": "video"})
	glance.Create(t, broken, content, nil)
	for range 2 {
		glance.Create(t, newUUID(), content, map[string]any{"accel:function_id": "ambiguous"})
	}
	for _, function := range []string{"crypto", "video", "ambiguous", "nothing"} {
		c.createFunctionProfile(function, function)
	}
	c.createImageProfile("crypto-by-uuid", crypto)
	c.createImageProfile("broken", broken)
	c.createImageProfile("missing", newUUID())

	var downloads atomic.Int64
	glance.OnCall(t, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/file") {
			downloads.Add(1)
		}
		wrong := r.URL.Path == "/v2/images/"+broken+"/file"
		if wrong {
			_, _ = io.WriteString(w, strings.Repeat("another one ", 100_000))
		}
		return wrong
	})
	bind := func(profile, state string, loaded int64) string {
		t.Helper()
		id := c.create(profile)[0]
		before := downloads.Load()
		c.bind(c.deployable(), newUUID(), id)
		if got := c.settled(id); got.State != state {
			t.Errorf("%s: %s, want %s", profile, got.State, state)
		}
		if n := downloads.Load() - before; n != loaded {
			t.Errorf("%s: %d images read, want %d", profile, n, loaded)
		}
		return id
	}
	refused := func(status int, profile string) {
		t.Helper()
		id := c.create(profile)[0]
		c.want(status, http.MethodPatch, "/accelerator_requests", bindBody(c.deployable(), newUUID(), id))
		if got := c.arq(id); got.State != "Initial" {
			t.Errorf("%s: %s after a refusal", profile, got.State)
		}
	}

	// Loaded once, for both who want it, however they name it.
	first := bind("crypto", "Bound", 1)
	second := bind("crypto-by-uuid", "Bound", 0)
	s.sees("16-0", "CUSTOM_FPGA_FUNCTION_ID_FAKE_CRYPTO")
	refused(409, "video") // they would lose it
	c.delete(first, second)
	c.delete(bind("video", "Bound", 1))
	s.sees("16-0", "CUSTOM_FPGA_FUNCTION_ID_FAKE_VIDEO")
	refused(409, "nothing")
	refused(409, "ambiguous")
	c.delete(bind("broken", "BindFailed", 1))
	s.sees("16-0") // it is not known any more what the card does
	c.delete(bind("missing", "BindFailed", 0))
	c.want(400, http.MethodPost, "/device_profiles", fmt.Sprintf(
		`[{"name": "both", "groups": [{"resources:FPGA": "1", "accel:function_id": "crypto", "accel:bitstream_id": %q}]}]`, crypto))

	glance.Kill()
	refused(503, "crypto")
	c.delete(bind("crypto-by-uuid", "BindFailed", 0))
	if err := glance.Start(); err != nil {
		t.Fatal(err)
	}
	c.delete(bind("crypto", "Bound", 1))
	p.checkHandles(c, 16)
}
