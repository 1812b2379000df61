package test

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// awayTime is for how long Nova is away: ARQD_NOVA_AWAY, in seconds, or not
// for long.
func awayTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("ARQD_NOVA_AWAY")
	if text == "" {
		return 2 * time.Second
	}
	seconds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("ARQD_NOVA_AWAY: %v", err)
	}
	return time.Duration(seconds) * time.Second
}

// away has Nova give no answer to half of the requests, and hang up on the
// others.
func (n *compute) away() {
	var mu sync.Mutex
	silent := false
	n.OnEvents(func(w http.ResponseWriter, r *http.Request, _ []openstacktest.ServerEvent) bool {
		mu.Lock()
		silent = !silent
		wait := silent
		mu.Unlock()
		if wait {
			<-r.Context().Done()
		}
		hangUp(w)
		return true
	})
}

// boots is what a client saw that boots one instance after the other.
type boots struct {
	told []openstacktest.ServerEvent // what Nova is to be told
	took []time.Duration             // each PATCH
}

// bootFor boots and deletes instances for a time, and a little longer until it
// has booted a few.
func (c *client) bootFor(d time.Duration, on deployable) (b boots) {
	for end := time.Now().Add(d); time.Now().Before(end) || len(b.took) < 5; {
		made, err := c.do(http.MethodPost, "/accelerator_requests", createBody("one"))
		if err != nil || made.status != http.StatusCreated {
			c.t.Errorf("create: %v %+v", err, made)
			return b
		}
		id, instance, begin := made.arqUUIDs(c)[0], newUUID(), time.Now()
		a, err := c.do(http.MethodPatch, "/accelerator_requests", bindBody(on, instance, id))
		if err != nil || a.status != http.StatusAccepted {
			c.t.Errorf("bind: %v %+v", err, a)
			return b
		}
		b.took = append(b.took, time.Since(begin))
		b.told = append(b.told, bound(instance, id))
		if a, err = c.do(http.MethodDelete, "/accelerator_requests?instance="+instance, nil); err != nil || a.status != http.StatusNoContent {
			c.t.Errorf("delete: %v %+v", err, a)
			return b
		}
		pause(10 * time.Millisecond)
	}
	return b
}

// TestNovaIsAway: binds go on as if Nova were there, and when it is back it is
// told of all of them. ARQD_NOVA_AWAY=60 has it away for a minute.
func TestNovaIsAway(t *testing.T) {
	t.Parallel()
	n := newCompute(t)
	p := start(t, n.options(nil))
	c := p.client()
	c.createProfile("one", 1)
	on, long := c.deployable(), awayTime(t)
	boot := func(what string, d time.Duration) (told []openstacktest.ServerEvent) {
		all := make([]boots, 4)
		var working sync.WaitGroup
		for i := range all {
			working.Go(func() { all[i] = c.bootFor(d, on) })
		}
		working.Wait()
		var took []time.Duration
		for _, b := range all {
			told, took = append(told, b.told...), append(took, b.took...)
		}
		slices.Sort(took)
		t.Logf("%s: %d binds, half of them within %v, 99 of 100 within %v, all within %v", what, len(took),
			took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
		return told
	}
	want := boot("Nova is there", long/4)
	p.settledInMetrics()
	n.away()
	missed := boot("Nova is away", long)
	eventually(t, 20*time.Second, "the metrics tell of the events that wait", func() bool {
		m := p.metrics()
		return m.value(t, "arqd_outbox_depth") == float64(len(missed)) && m.value(t, "arqd_outbox_oldest_seconds") > 0 && m.value(t, "arqd_nova_up") == 0
	})
	begin, before := time.Now(), len(n.Requests())
	n.OnEvents(nil)
	p.settledInMetrics()
	t.Logf("Nova was told of %d binds within %v of its return, in %d requests", len(missed),
		time.Since(begin).Round(time.Millisecond), len(n.Requests())-before)
	told := map[openstacktest.ServerEvent]bool{}
	for _, e := range n.Taken() {
		told[e] = true
	}
	want = append(want, missed...)
	for _, e := range want {
		if !told[e] {
			t.Errorf("Nova was never told of %+v", e)
		}
	}
	if len(told) != len(want) {
		t.Errorf("Nova was told of %d binds, and there were %d", len(told), len(want))
	}
	if m := p.metrics(); m.value(t, "arqd_outbox_events_total", "outcome", "expired") != 0 {
		t.Error("events were given up")
	}
}
