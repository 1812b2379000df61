package test

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// compute is doubles of Nova, and of the Keystone that has it in its catalog.
type compute struct {
	*openstacktest.Nova

	t        *testing.T
	keystone *openstacktest.Keystone
}

func newCompute(t *testing.T) *compute {
	t.Helper()
	k := openstacktest.NewKeystone(t)
	n := &compute{openstacktest.NewNova(t, k), t, k}
	k.SetCatalog(n.Endpoint())
	return n
}

// options have Nova told of binds, and opts over them.
func (n *compute) options(opts options) options {
	all := options{
		"nova.auth_url": n.keystone.URL, "nova.user_id": "arqd", "nova.project_id": "service",
		"nova.password": openstacktest.Password, "nova.timeout": "2",
	}
	maps.Copy(all, opts)
	return all
}

// await waits until Nova has taken as many events, and gives all of them.
func (n *compute) await(count int) []openstacktest.ServerEvent {
	n.t.Helper()
	eventually(n.t, 60*time.Second, "Nova has taken the events", func() bool { return len(n.Taken()) >= count })
	return n.Taken()
}

// wantTaken fails the test unless these are the events taken so far, in order.
func (n *compute) wantTaken(want ...openstacktest.ServerEvent) {
	n.t.Helper()
	got := n.await(len(want))
	for i := range want {
		if len(got) != len(want) || got[i] != want[i] {
			n.t.Fatalf("Nova took\n%+v, want\n%+v", got, want)
		}
	}
}

// wantTold is wantTaken, where each may have been taken more than once.
func (n *compute) wantTold(want ...openstacktest.ServerEvent) {
	n.t.Helper()
	eventually(n.t, 60*time.Second, "Nova has taken the events", func() bool { return len(firsts(n.Taken())) >= len(want) })
	if got := firsts(n.Taken()); !slices.Equal(got, want) {
		n.t.Errorf("Nova was told\n%+v, want\n%+v", got, want)
	}
}

// firsts leaves out what was there before.
func firsts(events []openstacktest.ServerEvent) (once []openstacktest.ServerEvent) {
	seen := map[openstacktest.ServerEvent]bool{}
	for _, e := range events {
		if !seen[e] {
			once = append(once, e)
		}
		seen[e] = true
	}
	return once
}

// busy has Nova answer 503 until it is called again with false.
func (n *compute) busy(is bool) {
	if !is {
		n.OnEvents(nil)
		return
	}
	n.OnEvents(func(w http.ResponseWriter, _ *http.Request, _ []openstacktest.ServerEvent) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
}

// asked waits for the next request to Nova that is not answered well.
func (n *compute) asked(more int) {
	n.t.Helper()
	before := len(n.Requests())
	eventually(n.t, 60*time.Second, "Nova is asked", func() bool { return len(n.Requests()) >= before+more })
}

func eventOf(instance, id, status string) openstacktest.ServerEvent {
	return openstacktest.ServerEvent{Name: "accelerator-request-bound", Server: instance, Tag: id, Status: status}
}

func bound(instance, id string) openstacktest.ServerEvent { return eventOf(instance, id, "completed") }

// settledInMetrics waits until no event is left, and gives the metrics.
func (p *process) settledInMetrics() page {
	p.t.Helper()
	eventually(p.t, 60*time.Second, "the outbox is empty", func() bool {
		return p.metrics().value(p.t, "arqd_outbox_depth") == 0
	})
	return p.metrics()
}

// TestNovaIsTold: a batch is one request, sent when everybody can read the
// state that it tells of. Unbind and delete are told nobody.
func TestNovaIsTold(t *testing.T) {
	t.Parallel()
	n := newCompute(t)
	p := start(t, n.options(nil))
	c := p.client()
	n.OnEvents(func(_ http.ResponseWriter, _ *http.Request, events []openstacktest.ServerEvent) bool {
		for _, e := range events {
			if one, err := c.do(http.MethodGet, "/accelerator_requests?state=Bound&instance="+e.Server, nil); err != nil || len(one.arqs(c)) != 2 {
				t.Errorf("told before it could be read: %v %s", err, one.body)
			}
		}
		return false
	})
	c.createProfile("two", 2)
	ids, instance := c.create("two"), newUUID()
	request := "req-" + newUUID()
	c.with(http.Header{"X-Openstack-Request-Id": {request}}).bind(c.deployable(), instance, ids...)
	n.wantTaken(bound(instance, ids[0]), bound(instance, ids[1]))
	n.OnEvents(nil)
	c.unbind(ids[0])
	c.delete(ids...)
	again := c.create("two")
	c.bind(c.deployable(), instance, again...)
	n.wantTaken(bound(instance, ids[0]), bound(instance, ids[1]), bound(instance, again[0]), bound(instance, again[1]))
	requests := n.Requests()
	if len(requests) != 2 || len(n.keystone.Auths()) != 1 {
		t.Errorf("%d requests, %d authentications for two batches", len(requests), len(n.keystone.Auths()))
	}
	if got := requests[0].Header.Get("X-Openstack-Request-Id"); got != request {
		t.Errorf("told for the request %q, want that of the client, %s", got, request)
	}
	m := p.settledInMetrics()
	for verdict, want := range map[string]float64{"accepted": 4, "unknown_instance": 0, "without_host": 0, "rejected": 0} {
		if got := m.value(t, "arqd_nova_events_total", "verdict", verdict); got != want {
			t.Errorf("%v events %s, want %v", got, verdict, want)
		}
	}
	if m.value(t, "arqd_outbox_events_total", "outcome", "delivered") != 2 || m.value(t, "arqd_nova_up") != 1 {
		t.Error("the metrics do not tell of two deliveries")
	}
}

// TestNovaRefuses: 404 and 422 are the end of an event, and no fault.
func TestNovaRefuses(t *testing.T) {
	t.Parallel()
	n := newCompute(t)
	p := start(t, n.options(nil))
	c := p.client()
	c.createProfile("one", 1)
	for verdict, code := range map[string]int{
		"unknown_instance": openstacktest.ServerUnknown, "without_host": openstacktest.ServerNoHost,
	} {
		instance := newUUID()
		n.SetServer(instance, code)
		c.bind(c.deployable(), instance, c.create("one")...)
		if got := p.settledInMetrics().value(t, "arqd_nova_events_total", "verdict", verdict); got != 1 {
			t.Errorf("%v events %s, want 1", got, verdict)
		}
	}
	if got := len(n.Requests()); got != 2 {
		t.Errorf("%d requests, want one each", got)
	}
}

// TestNovaIsTriedAgain: what Nova cannot take now waits, in order for each
// instance, and keeps neither other instances nor the API waiting.
func TestNovaIsTriedAgain(t *testing.T) {
	t.Parallel()
	n := newCompute(t)
	p := start(t, n.options(nil))
	c := p.client()
	c.createProfile("one", 1)
	slow, other := newUUID(), newUUID()
	n.OnEvents(func(w http.ResponseWriter, r *http.Request, events []openstacktest.ServerEvent) bool {
		if events[0].Server != slow {
			return false
		}
		<-r.Context().Done() // until arqd gives up or dies
		w.WriteHeader(http.StatusGatewayTimeout)
		return true
	})
	first, second, third := c.create("one")[0], c.create("one")[0], c.create("one")[0]
	c.bind(c.deployable(), slow, first)
	c.unbind(first)
	c.bind(c.deployable(), slow, second)
	c.bind(c.deployable(), other, third)
	n.wantTaken(bound(other, third))
	n.busy(true)
	n.asked(1)
	if m := p.metrics(); m.value(t, "arqd_outbox_depth") != 2 || m.value(t, "arqd_outbox_oldest_seconds") == 0 ||
		m.value(t, "arqd_nova_up") != 0 {
		t.Error("the metrics do not tell of two events that wait")
	}
	n.keystone.RevokeIssued() // which is no reason to give up either
	n.busy(false)
	n.wantTaken(bound(other, third), bound(slow, first), bound(slow, second))
	if got := p.settledInMetrics().value(t, "arqd_outbox_events_total", "outcome", "retried"); got < 2 {
		t.Errorf("%v attempts were repeated, want at least 2", got)
	}
}

// TestEventsGoTogether: when more instances have events than there are requests at a
// time, several go in one. Each has its own verdict, also when Nova refuses a request
// as a whole for one of them.
func TestEventsGoTogether(t *testing.T) {
	t.Parallel()
	const atATime, more = 16, 24
	n := newCompute(t)
	p := start(t, n.options(options{"nova.timeout": "60", "fake.handles_per_device": strconv.Itoa(atATime + more)}))
	c := p.client()
	c.createProfile("one", 1)
	var instances []string
	for range atATime + more {
		instances = append(instances, newUUID())
	}
	bad, unknown := instances[atATime], instances[len(instances)-1]
	n.SetServer(unknown, openstacktest.ServerUnknown)
	open := make(chan struct{})
	n.OnEvents(func(w http.ResponseWriter, r *http.Request, events []openstacktest.ServerEvent) bool {
		select {
		case <-open:
		case <-r.Context().Done():
		}
		if !slices.ContainsFunc(events, func(e openstacktest.ServerEvent) bool { return e.Server == bad }) {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		return true
	})
	var want []openstacktest.ServerEvent
	for i, instance := range instances {
		id := c.create("one")[0]
		c.bind(c.deployable(), instance, id)
		if instance != bad && instance != unknown {
			want = append(want, bound(instance, id))
		}
		if i < atATime {
			eventually(t, 20*time.Second, "Nova is asked for each", func() bool { return len(n.Requests()) == i+1 })
		}
	}
	eventually(t, 20*time.Second, "the others wait", func() bool { return p.metrics().value(t, "arqd_outbox_depth") == atATime+more })
	close(open)
	m, requests := p.settledInMetrics(), n.Requests()
	byServer := func(a, b openstacktest.ServerEvent) int { return strings.Compare(a.Server, b.Server) }
	if taken := slices.SortedFunc(slices.Values(n.Taken()), byServer); !slices.Equal(taken, slices.SortedFunc(slices.Values(want), byServer)) {
		t.Errorf("Nova took\n%+v, want each once of\n%+v", taken, want)
	}
	of := map[string]int{}
	for _, r := range requests {
		for _, e := range r.Events {
			of[e.Server] = max(of[e.Server], len(r.Events))
		}
		if id := r.Header.Get("X-Openstack-Request-Id"); (id == "") != (len(r.Events) > 1) {
			t.Errorf("a request of %d events has the id %q", len(r.Events), id)
		}
	}
	if of[instances[0]] != 1 || of[bad] == 1 || len(requests) >= atATime+more {
		t.Errorf("%d requests; one that does not wait is among %d, one that does is among %d", len(requests), of[instances[0]], of[bad])
	}
	for name, want := range map[string]float64{"delivered": atATime + more - 2, "refused": 2, "retried": 0} {
		if got := m.value(t, "arqd_outbox_events_total", "outcome", name); got != want {
			t.Errorf("%v events %s, want %v", got, name, want)
		}
	}
	if got := m.value(t, "arqd_nova_requests_total"); got != float64(len(requests)) || m.value(t, "arqd_nova_up") != 1 {
		t.Errorf("the metrics tell of %v requests, and there were %d", got, len(requests))
	}
}

// TestEventsOutliveKill: the service dies with events that Nova has not
// taken, in each of the places where it can. The next start delivers them.
func TestEventsOutliveKill(t *testing.T) {
	t.Parallel()
	silent := func(n *compute) {
		n.OnEvents(func(_ http.ResponseWriter, r *http.Request, _ []openstacktest.ServerEvent) bool {
			<-r.Context().Done()
			return true
		})
	}
	for name, hinder := range map[string]func(n *compute){
		"before Nova took it": silent,
		"before the answer": func(n *compute) {
			n.OnEvents(func(_ http.ResponseWriter, r *http.Request, events []openstacktest.ServerEvent) bool {
				n.Take(events)
				<-r.Context().Done()
				return true
			})
		},
		"between two attempts": func(n *compute) { n.busy(true) },
		"before Keystone's answer": func(n *compute) {
			n.keystone.OnAuth(func(_ http.ResponseWriter, r *http.Request) bool {
				<-r.Context().Done()
				return true
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newCompute(t)
			node := newNode(t, n.options(nil))
			p := node.start()
			c := p.client()
			c.createProfile("one", 1)
			hinder(n)
			instance, id, again := newUUID(), c.create("one")[0], c.create("one")[0]
			c.bind(c.deployable(), instance, id)
			c.unbind(id)
			c.bind(c.deployable(), instance, again) // acknowledged, so it is on disk with its event
			eventually(t, 60*time.Second, "the first delivery has begun", func() bool {
				return len(n.Requests())+len(n.keystone.Auths()) > 0
			})
			p.kill()
			n.keystone.OnAuth(nil)
			n.busy(false)
			p = node.start()
			n.wantTold(bound(instance, id), bound(instance, again))
			p.settledInMetrics()
			p.stop() // what was delivered is off the disk
			told := len(n.Taken())
			p = node.start()
			c = p.client()
			c.unbind(again)
			c.bind(c.deployable(), instance, again) // of another event than the first
			if got := n.await(told + 1); len(got) != told+1 {
				t.Errorf("told of an old bind again: %+v", got)
			}
		})
	}
}

// TestAFailedBindIsHeldBack: Nova must not find a bind failed before it waits
// for it, so it is told again and again, and readers see the bind under way,
// until its accelerator request is gone. A restart changes nothing.
func TestAFailedBindIsHeldBack(t *testing.T) {
	t.Parallel()
	n := newCompute(t)
	node := newNode(t, n.options(options{"fake.fail_images": badImage}))
	p := node.start()
	c := p.client()
	c.createImageProfile("bad", badImage)
	instance, id := newUUID(), c.create("bad")[0]
	n.SetServer(instance, openstacktest.ServerNoHost) // Nova has not begun
	c.bind(c.deployable(), instance, id)
	shown := func() {
		t.Helper()
		if got := c.arq(id); got.State != "BindStarted" || got.Handle != "" || got.Instance != instance {
			t.Errorf("shown as %+v", got)
		}
		c.want(423, http.MethodGet, "/accelerator_requests?instance="+instance+"&bind_state=resolved", nil)
		if got := c.arqs("?state=BindFailed,Bound"); len(got) != 0 {
			t.Errorf("listed as resolved: %v", got)
		}
		m := p.metrics()
		if m.value(t, "arqd_arqs", "state", "BindStarted") != 1 || m.value(t, "arqd_arqs_held") != 1 || m.handles(t) != (handles{free: 16}) {
			t.Error("the metrics do not tell of one that is held back and holds nothing")
		}
	}
	n.asked(2)
	shown()
	p.kill()
	p = node.start()
	c = p.client()
	shown()
	n.SetServer(instance, http.StatusOK) // now it listens
	n.await(2)
	c.want(204, http.MethodDelete, "/accelerator_requests?instance="+instance, nil)
	if m := p.settledInMetrics(); m.value(t, "arqd_arqs_held") != 0 {
		t.Error("held back after it is gone")
	}
	for _, e := range n.Taken() {
		if e != eventOf(instance, id, "failed") {
			t.Errorf("told %+v", e)
		}
	}
	c.createProfile("good", 1)
	told := len(n.Taken())
	c.bind(c.deployable(), instance, c.create("good")...)
	if got := n.await(told + 1); got[told].Status != "completed" {
		t.Errorf("told %+v", got[told])
	}
}

// TestFailuresAreShown where the option says so, and told once.
func TestFailuresAreShown(t *testing.T) {
	t.Parallel()
	n := newCompute(t)
	p := start(t, n.options(options{"fake.fail_images": badImage, "arqd.hold_failed": "no"}))
	c := p.client()
	c.createImageProfile("bad", badImage)
	instance, id := newUUID(), c.create("bad")[0]
	c.bind(c.deployable(), instance, id)
	if got := c.settled(id); got.State != "BindFailed" {
		t.Errorf("shown as %+v", got)
	}
	p.settledInMetrics()
	n.wantTaken(eventOf(instance, id, "failed"))
}

// TestNovaMetrics: the series are there from the first scrape, and only where
// Nova is told.
func TestNovaMetrics(t *testing.T) {
	t.Parallel()
	with, without := start(t, newCompute(t).options(nil)).metrics(), start(t, nil).metrics()
	for _, name := range []string{"arqd_nova_events_total", "arqd_nova_requests_total", "arqd_nova_failed_requests_total", "arqd_nova_up"} {
		if with[name] == nil || with[name].GetHelp() == "" {
			t.Errorf("no series %s where Nova is told", name)
		}
		if without[name] != nil {
			t.Errorf("a series %s where it is not", name)
		}
	}
}
