package test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// bootTries are the boots of one instance, one after the other, of which one
// client knows what became of them.
type bootTries struct {
	t        *testing.T
	rng      *rand.Rand
	instance string
	hostname string                      // its own: nobody is in its way
	happened []openstacktest.ServerEvent // in their order
	open     *openstacktest.ServerEvent  // of the bind that was not answered
	boots    *atomic.Int64
}

// run boots the instance and deletes it, over and over, until a request is not
// answered.
func (b *bootTries) run(c *client, on deployable) {
	for b.boot(c, on) && b.end(c) {
		b.boots.Add(1)
	}
}

func (b *bootTries) boot(c *client, on deployable) bool {
	profile, status := "good", "completed"
	if b.rng.IntN(3) == 0 {
		profile, status = "bad", "failed"
	}
	made := b.ask(c, http.StatusCreated, http.MethodPost, "/accelerator_requests", createBody(profile))
	if made == nil {
		return false
	}
	told := eventOf(b.instance, made.arqUUIDs(c)[0], status)
	b.open = &told
	if b.ask(c, http.StatusAccepted, http.MethodPatch, "/accelerator_requests", bindBody(on, b.instance, told.Tag)) == nil {
		return false
	}
	b.happens()
	return true
}

func (b *bootTries) happens() { b.happened, b.open = append(b.happened, *b.open), nil }

// end deletes what the instance has, when its bind is over.
func (b *bootTries) end(c *client) bool {
	const path = "/accelerator_requests?instance="
	for {
		resolved, err := c.do(http.MethodGet, path+b.instance+"&bind_state=resolved", nil)
		if err != nil {
			return false
		}
		if resolved.status == http.StatusOK {
			break
		}
		pause(time.Millisecond)
	}
	return b.ask(c, http.StatusNoContent, http.MethodDelete, path+b.instance, nil) != nil
}

// ask gives the answer; nil: there was none, or another.
func (b *bootTries) ask(c *client, status int, method, path string, body any) *answer {
	a, err := c.do(method, path, body)
	if err != nil {
		return nil
	}
	if a.status != status {
		b.t.Errorf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.body)
		return nil
	}
	return a
}

// lookAgain finds out what became of the request that was not answered.
func (b *bootTries) lookAgain(c *client) {
	b.t.Helper()
	if left := c.arqs("?instance=" + b.instance); b.open != nil && len(left) == 1 && left[0].UUID == b.open.Tag {
		b.happens()
	}
	b.open = nil
	if !b.end(c) {
		b.t.Error("a service that runs does not answer")
	}
}

// takeAsTheyAre takes devices back of which nobody knows what they have loaded.
func takeAsTheyAre(c *client) {
	c.t.Helper()
	for _, d := range c.devices() {
		c.want(http.StatusNoContent, http.MethodPost, "/devices/"+d.UUID+"/enable", nil)
	}
}

// moody has Nova do everything that it can do with a request, the good among
// it.
func (n *compute) moody(seed uint64) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1<<33))
	n.OnEvents(func(w http.ResponseWriter, r *http.Request, events []openstacktest.ServerEvent) bool {
		mu.Lock()
		mood := rng.IntN(16)
		mu.Unlock()
		switch mood {
		case 0, 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			openstacktest.Refuse(w, http.StatusUnauthorized)
		case 3:
			hangUp(w)
		case 4, 5:
			n.Take(events)
			hangUp(w)
		case 6:
			<-r.Context().Done() // until arqd gives up or dies
			hangUp(w)
		case 7:
			n.Take(events)
			<-r.Context().Done()
			hangUp(w)
		case 8, 9, 10:
			pause(50 * time.Millisecond)
			return false
		default:
			return false
		}
		return true
	})
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter) {
	if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = connection.Close()
	}
}

// TestCrashWhileNovaIsTold kills the service at random moments while instances
// are booted and Nova is moody. In the end Nova was told of every bind that
// happened, in order for each instance, and of no other. ARQD_ROUNDS and
// ARQD_SEED as for TestKillUnderLoad.
func TestCrashWhileNovaIsTold(t *testing.T) {
	t.Parallel()
	seed, rounds := seedOf(t), roundsOf(t)
	rng := rand.New(rand.NewPCG(seed, 1<<34))
	var boots atomic.Int64
	var all []*bootTries
	var hosts []string
	for i := range 8 {
		hosts = append(hosts, fmt.Sprintf("compute%d", i))
		all = append(all, &bootTries{
			t: t, rng: rand.New(rand.NewPCG(seed, uint64(i))), instance: newUUID(), hostname: hosts[i], boots: &boots,
		})
	}
	nova := newCompute(t)
	n := newNode(t, nova.options(options{
		"fake.hosts": strings.Join(hosts, ","), "fake.operation_delay": "5", "fake.fail_images": badImage,
		"arqd.hold_failed": "no", // or each failure is told again until it is deleted
		"nova.timeout":     "1",
	}))
	p := n.start()
	p.mayDoubt = true
	c := p.client()
	c.createProfile("good", 1)
	c.createImageProfile("bad", badImage)
	nova.moody(seed)
	for range rounds {
		var working sync.WaitGroup
		on, enough := c.deployables(), boots.Load()+1+rng.Int64N(60)
		for _, b := range all {
			working.Go(func() { b.run(c, on[b.hostname]) })
		}
		eventually(t, time.Minute, "enough boots", func() bool { return boots.Load() >= enough || t.Failed() })
		p.kill()
		working.Wait()
		p = n.start()
		p.mayDoubt = true
		c = p.client()
		for _, b := range all {
			b.lookAgain(c)
		}
		takeAsTheyAre(c)
		if t.Failed() {
			return
		}
	}
	nova.OnEvents(nil)
	p.settledInMetrics()
	told, binds := nova.Taken(), 0
	for _, b := range all {
		binds += len(b.happened)
		heard := slices.DeleteFunc(firsts(told), func(e openstacktest.ServerEvent) bool { return e.Server != b.instance })
		if !slices.Equal(heard, b.happened) {
			t.Errorf("Nova was told of %s\n%+v, and what happened is\n%+v", b.instance, heard, b.happened)
		}
	}
	t.Logf("%d kills, %d binds, %d requests to Nova, %d events taken", rounds, binds, len(nova.Requests()), len(told))
}
