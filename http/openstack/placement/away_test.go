package placement

import (
	"net/http"
	"strings"
	"testing"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/openstack"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// Placement stops answering before each of the requests that showing a device
// takes, once because it is killed; when it is back, the rest is done.
func TestPlacementGoesAwayHalfway(t *testing.T) {
	w := newWorld(t)
	const killed = 5
	for at := 1; ; at++ {
		p := w.deployable(strings.Repeat("x", at), 4)
		calls := 0
		w.placement.OnCall(t, func(rw http.ResponseWriter, _ *http.Request) bool {
			if calls++; calls == killed && at == killed {
				w.placement.Kill()
			}
			if calls >= at && at != killed {
				openstacktest.Refuse(rw, http.StatusServiceUnavailable)
			}
			return calls >= at && at != killed
		})
		done, err := w.tryShow(p)
		w.placement.OnCall(t, nil)
		if calls < at { // it is not that many
			if err != nil || at <= killed {
				t.Errorf("%d calls: %v", calls, err)
			}
			return
		}
		if !is(err, actors.ErrInventoryAway) {
			t.Errorf("away before call %d: %v", at, err)
		}
		if at == killed {
			if err := w.placement.Start(); err != nil {
				t.Fatal(err)
			}
		}
		w.show(3-done, nil, p)
		w.wantSeen(p, []string{"FPGA 4-0"}, "OWNER_CYBORG")
	}
}

// What the real one cannot be made to say.
func TestAnswersThatMeanThatItCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	for _, status := range []int{401, 403, 406, 500, 502, 503} {
		w.placement.OnCall(t, func(rw http.ResponseWriter, _ *http.Request) bool {
			openstacktest.Refuse(rw, status)
			return true
		})
		if _, err := w.tryShow(w.deployable("one", 1)); !is(err, actors.ErrInventoryAway) {
			t.Errorf("status %d: %v", status, err)
		}
	}
	w.client.service = openstack.Service{Type: "nothing"}
	if _, err := w.tryShow(w.deployable("one", 1)); !is(err, actors.ErrInventoryAway) {
		t.Errorf("no endpoint: %v", err)
	}
}

func TestAPlacementTooOldToMoveAProvider(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 1)
	w.must(http.MethodPost, "/resource_providers", map[string]any{"name": w.host + "-before", "uuid": p.UUID.String()})
	w.placement.OnCall(t, func(rw http.ResponseWriter, r *http.Request) bool {
		old := r.Header.Get("OpenStack-API-Version") == versionOfMoving
		if old {
			openstacktest.Refuse(rw, http.StatusNotAcceptable)
		}
		return old
	})
	if _, err := w.tryShow(p); err == nil || is(err, actors.ErrInventoryAway) || !strings.Contains(err.Error(), "too old") {
		t.Errorf("%v", err)
	}
}

// The host's provider goes between our look and our write.
func TestTheHostGoesMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.placement.OnCall(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.must(http.MethodDelete, "/resource_providers/"+w.root, nil)
		}
		return false
	})
	w.show(0, actors.ErrHostUnknown, w.deployable("one", 1))
}

// Somebody else makes the provider between our look and our write: another
// process of arqd, say.
func TestTheProviderIsMadeMeanwhile(t *testing.T) {
	w := newWorld(t)
	p := w.deployable("one", 1)
	w.placement.OnCall(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.must(http.MethodPost, "/resource_providers",
				map[string]any{"name": p.Name, "uuid": p.UUID.String(), "parent_provider_uuid": w.root})
		}
		return false
	})
	w.show(2, nil, p)
	w.wantSeen(p, []string{"FPGA 1-0"}, "OWNER_CYBORG")
}
