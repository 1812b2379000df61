//go:build !race

package actors

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// What every request goes through needs no memory beyond what it leaves behind.
func TestAllocations(t *testing.T) {
	d, ids, _ := timedDirectory(100)
	a, bound := timedARQ(false), timedARQ(true)
	bind := arqAsk{event: evBind, scope: Scope{Admin: true}, bind: &BindTo{}}
	box := newMailbox(&runners{})
	box.RegisterHandlers(ignoring{}, nil)
	handled := make(chan struct{})
	var message any = func() { handled <- struct{}{} }
	for name, tc := range map[string]struct {
		most float64
		run  func()
	}{
		"showing an ARQ":             {0, func() { d.show(ids[7]) }},
		"a step of the machine":      {0, func() { a.State.next(evBind) }},
		"asking an ARQ":              {0, func() { _ = bind.check(a) }},
		"an ARQ's next state":        {1, func() { a.after(evUnbind, nil, 1) }},
		"a record":                   {1, func() { encodeARQ(bound) }},
		"a message to an idle actor": {0, func() { box.PostUserMessage(message); <-handled }},
	} {
		if n := testing.AllocsPerRun(200, tc.run); n > tc.most {
			t.Errorf("%s: %v allocations, want %v", name, n, tc.most)
		}
	}
}

// ignoring is an engine that calls messages.
type ignoring struct{ actor.MessageInvoker }

func (ignoring) InvokeUserMessage(msg any) {
	if call, ok := msg.(func()); ok {
		call()
	}
}
