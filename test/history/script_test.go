package history_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/arqd/arqd/test/history"
)

// The world of these tests: devices d and e of two handles each.
var setting = history.Setting{
	Handles: 2,
	Profiles: map[string]history.Profile{
		"one":  {Amount: 1},
		"two":  {Amount: 2},
		"load": {Amount: 1, Image: "image"},
		"bad":  {Amount: 1, Image: "bad image", Fails: true},
	},
}

// script is a history made by hand: what happens at moments 10, 20, 30 ...
type script struct {
	trial history.Trial
	now   int64
}

func newScript() *script {
	return &script{trial: history.Trial{Start: history.Snapshot{Devices: map[string]history.Device{
		"d": {Enabled: true}, "e": {Enabled: true},
	}}}}
}

// do adds an operation that happens at one moment.
func (s *script) do(r history.Request, a history.Answer) { s.during(0, r, a) }

// during adds an operation that goes on during the next n ones.
func (s *script) during(n int64, r history.Request, a history.Answer) {
	s.now += 10
	s.trial.Operations = append(s.trial.Operations, history.Operation{
		Call: s.now, Return: s.now + 10*n + 1, Request: r, Answer: a,
	})
}

// lost adds an operation that is never answered.
func (s *script) lost(r history.Request) { s.during(1000, r, history.Answer{}) }

// from adds ARQs that are there from the start.
func (s *script) from(all ...history.ARQ) *script {
	s.trial.Start.ARQs = append(s.trial.Start.ARQs, all...)
	return s
}

// The ARQs a, b, c are of profile one and belong to start.
func arq(id, state string) history.ARQ {
	return history.ARQ{UUID: id, State: state, Profile: "one", Owner: "start"}
}

// boundTo is an ARQ as a bind with a token leaves it.
func boundTo(id, token, instance, handle string) history.ARQ {
	return history.ARQ{
		UUID: id, State: "Bound", Profile: "one", Owner: token, Device: "d", Instance: instance, Handle: handle,
	}
}

func of(profile string, a history.ARQ) history.ARQ { a.Profile = profile; return a }

func in(state string, a history.ARQ) history.ARQ { a.State, a.Handle = state, ""; return a }

func (s *script) create(token, profile string, ids ...string) {
	made := history.Answer{Status: 201}
	for _, id := range ids {
		made.ARQs = append(made.ARQs, history.ARQ{UUID: id, State: "Initial", Profile: profile, Owner: token})
	}
	s.do(history.Request{Kind: history.Create, Profile: profile, Token: token}, made)
}

func bind(token, instance string, ids ...string) history.Request {
	r := history.Request{Kind: history.Patch, Token: token}
	for _, id := range ids {
		r.Items = append(r.Items, history.Item{ARQ: id, Device: "d", Instance: instance})
	}
	return r
}

func unbind(ids ...string) history.Request {
	r := history.Request{Kind: history.Patch}
	for _, id := range ids {
		r.Items = append(r.Items, history.Item{ARQ: id})
	}
	return r
}

func remove(ids ...string) history.Request { return history.Request{Kind: history.Delete, ARQs: ids} }

func removeOf(instance string) history.Request {
	return history.Request{Kind: history.DeleteOfInstance, Instance: instance}
}

func show(id string) history.Request {
	return history.Request{Kind: history.Show, ARQs: []string{id}}
}

func showDevice(name string) history.Request {
	return history.Request{Kind: history.ShowDevice, Device: name}
}

func list() history.Request { return history.Request{Kind: history.List} }

func listOf(instance string) history.Request {
	return history.Request{Kind: history.ListOfInstance, Instance: instance}
}

func resolved(instance string) history.Request {
	return history.Request{Kind: history.ListResolved, Instance: instance}
}

func enable(device string, on bool) history.Request {
	return history.Request{Kind: history.SetDevice, Device: device, Enable: on}
}

func status(n int) history.Answer { return history.Answer{Status: n} }

func sees(all ...history.ARQ) history.Answer { return history.Answer{Status: 200, ARQs: all} }

// play is the making of one history.
type play struct {
	name string
	make func(s *script)
}

func judge(t *testing.T, p play) *history.Verdict {
	t.Helper()
	s := newScript().from(arq("a", "Initial"), arq("b", "Initial"), arq("c", "Initial"))
	p.make(s)
	return history.Check(&setting, &s.trial, 20*time.Second)
}

func accept(t *testing.T, plays []play) {
	t.Helper()
	for _, p := range plays {
		t.Run(p.name, func(t *testing.T) {
			if v := judge(t, p); v.Result != porcupine.Ok {
				t.Errorf("%s; stuck at %s", v.Result, v.Stuck())
			}
		})
	}
}

func reject(t *testing.T, plays []play) {
	t.Helper()
	for _, p := range plays {
		t.Run(p.name, func(t *testing.T) {
			v := judge(t, p)
			if v.Result != porcupine.Illegal {
				t.Fatalf("%s", v.Result)
			}
			if v.Stuck() == nil {
				t.Error("it does not say where")
			}
			if err := v.Visualize(fmt.Sprintf("%s/page.html", t.TempDir())); err != nil {
				t.Error(err)
			}
		})
	}
}
