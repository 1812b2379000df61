package nova

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// Events of several servers are one request. It has the id of the request that made
// them if that is one.
func TestEventsOfSeveralServersAreOneRequest(t *testing.T) {
	b := newBench(t, 10*time.Second)
	events := []*actors.Event{event(1), event(2), event(1)}
	b.notifyAll([]string{"taken", "taken", "taken"}, events...)
	var want []openstacktest.ServerEvent
	for _, e := range events {
		for _, a := range e.ARQs {
			want = append(want, openstacktest.ServerEvent{
				Name: "accelerator-request-bound", Server: e.Instance.String(), Tag: a.UUID.String(), Status: "completed",
			})
		}
	}
	taken := b.nova.Taken()
	for i := range want {
		if len(taken) != len(want) || taken[i] != want[i] {
			t.Fatalf("Nova took\n%+v, want\n%+v", taken, want)
		}
	}
	if st := b.Stats(); st != (Stats{Accepted: 4, Requests: 1}) {
		t.Errorf("%+v", st)
	}
	events[1].RequestID, events[2].RequestID = events[0].RequestID, events[0].RequestID
	b.notifyAll([]string{"taken", "taken", "taken"}, events...)
	requests := b.nova.Requests()
	if len(requests) != 2 {
		t.Fatalf("%d requests", len(requests))
	}
	for i, want := range []string{"", events[0].RequestID} {
		if got := requests[i].Header.Get("X-Openstack-Request-Id"); got != want {
			t.Errorf("request %d has the id %q, want %q", i, got, want)
		}
	}
}

// Each event has the outcome of its own verdicts, and Nova is there as long as it
// settles one.
func TestVerdictsOnEventsOfOneRequest(t *testing.T) {
	b := newBench(t, 10*time.Second)
	events := []*actors.Event{event(1), event(1), event(2), event(1), event(1)}
	for i, code := range map[int]int{1: openstacktest.ServerUnknown, 2: openstacktest.ServerNoHost, 3: 500} {
		b.nova.SetServer(events[i].Instance.String(), code)
	}
	b.notifyAll([]string{"taken", "refused", "refused", "again", "taken"}, events...)
	if st := b.Stats(); st != (Stats{Accepted: 2, UnknownInstance: 1, NoHost: 2, Failed: 1, Requests: 1}) {
		t.Errorf("%+v", st)
	}
}

// What an answer says nothing of is sent again; what it does say counts.
func TestAnAnswerThatLacksSome(t *testing.T) {
	b := newBench(t, 10*time.Second)
	b.nova.OnEvents(func(w http.ResponseWriter, _ *http.Request, events []openstacktest.ServerEvent) bool {
		results, _ := b.nova.Take(events[1:2])
		return answer(207, `{"events": [{"server_uuid": "`+results[0].Server+`", "tag": "`+results[0].Tag+`", "code": 200}]}`)(w, nil, nil)
	})
	first, second := event(1), event(1)
	second.ARQs[0].UUID = first.ARQs[0].UUID // the server counts as well
	b.notifyAll([]string{"again", "taken"}, first, second)
	b.nova.OnEvents(answer(200, `{"events": [`))
	b.notifyAll([]string{"again", "again"}, first, second)
	if st := b.Stats(); st != (Stats{Accepted: 1, Failed: 2, Requests: 2, Away: true}) {
		t.Errorf("%+v", st)
	}
}

// An event for which Nova refuses a whole request costs the others nothing: each is
// sent by itself.
func TestARequestRefusedForOneOfItsEvents(t *testing.T) {
	b := newBench(t, 10*time.Second)
	events := []*actors.Event{event(1), event(2), event(1)}
	bad := events[1].Instance.String()
	b.nova.OnEvents(func(w http.ResponseWriter, r *http.Request, events []openstacktest.ServerEvent) bool {
		for _, e := range events {
			if e.Server == bad {
				return answer(400, `{"badRequest": {"code": 400, "message": "no"}}`)(w, r, events)
			}
		}
		return false
	})
	b.notifyAll([]string{"taken", "refused", "taken"}, events...)
	if n := len(b.nova.Requests()); n != 4 {
		t.Errorf("%d requests, want one of all and one of each", n)
	}
	if st := b.Stats(); st != (Stats{Accepted: 2, Rejected: 2, Requests: 4}) {
		t.Errorf("%+v", st)
	}
	if text := b.log.String(); strings.Count(text, bad) != 1 || strings.Contains(text, events[0].Instance.String()) {
		t.Errorf("logged, of the one that was refused only:\n%s", text)
	}
}

// Nova may refuse everything; that has an end.
func TestRequestsRefusedWhateverIsInThem(t *testing.T) {
	for _, status := range []int{400, 405, 406, 413, 415, 422} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			b := newBench(t, 10*time.Second)
			b.nova.OnEvents(answer(status, `{}`))
			b.notifyAll([]string{"refused", "refused", "refused"}, event(1), event(1), event(1))
			if st := b.Stats(); st != (Stats{Rejected: 3, Requests: 4}) {
				t.Errorf("%+v", st)
			}
		})
	}
}

// Older Novas answer 404 when they take no event of a request: that is a verdict on
// each.
func TestNoneOfSeveralKnown(t *testing.T) {
	b := newBench(t, 10*time.Second)
	b.nova.OnEvents(answer(404, `{"itemNotFound": {"code": 404, "message": "No instances found for any event"}}`))
	b.notifyAll([]string{"refused", "refused"}, event(2), event(1))
	if st := b.Stats(); st != (Stats{UnknownInstance: 3, Requests: 1}) {
		t.Errorf("%+v", st)
	}
}

// A request that is not answered is not taken apart: that is the outbox's to decide.
func TestRequestsOfSeveralThatFail(t *testing.T) {
	for name, handler := range map[string]openstacktest.EventsHandler{
		"no role": answer(403, ``), "a wrong URL": answer(404, ``), "too many": answer(429, ``), "a fault": answer(500, ``), "overloaded": answer(503, ``),
		"no answer": func(_ http.ResponseWriter, r *http.Request, _ []openstacktest.ServerEvent) bool {
			<-r.Context().Done()
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 200*time.Millisecond)
			b.nova.OnEvents(handler)
			b.notifyAll([]string{"again", "again"}, event(1), event(1))
			if st := b.Stats(); st != (Stats{Failed: 1, Requests: 1, Away: true}) {
				t.Errorf("%+v", st)
			}
		})
	}
}

// When Nova goes away while events are sent by themselves, those that are left do
// not wait for it one after the other.
func TestNovaGoesAwayBetweenEventsSentByThemselves(t *testing.T) {
	b := newBench(t, 10*time.Second)
	n := 0
	b.nova.OnEvents(func(w http.ResponseWriter, r *http.Request, events []openstacktest.ServerEvent) bool {
		switch n++; n {
		case 1:
			return answer(400, `{}`)(w, r, events)
		case 2:
			return false
		}
		return answer(503, ``)(w, r, events)
	})
	b.notifyAll([]string{"taken", "again", "again", "again"}, event(1), event(1), event(1), event(1))
	if st := b.Stats(); st != (Stats{Accepted: 1, Failed: 1, Requests: 3, Away: true}) {
		t.Errorf("%+v", st)
	}
}
