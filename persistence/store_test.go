package persistence_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/arqd/arqd/persistence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// held is a store that keeps what is submitted until the test answers.
type held struct {
	persistence.Store
	asked []func(persistence.Result)
	then  func()
}

func (h *held) Submit(_ persistence.Transition, done func(persistence.Result)) {
	h.asked = append(h.asked, done)
	if len(h.asked) == 3 {
		h.then()
	}
}

func TestApplyGivesOutcomesInOrderOfTransitions(t *testing.T) {
	h := &held{}
	h.then = func() {
		h.asked[2](persistence.Result{Outcome: persistence.Lost, Err: persistence.ErrInvalid})
		h.asked[0](persistence.Result{Outcome: persistence.Won})
		h.asked[1](persistence.Result{Outcome: persistence.Lost})
	}
	got := persistence.Apply(t.Context(), h, make([]persistence.Transition, 3))
	want := []persistence.Result{
		{Outcome: persistence.Won},
		{Outcome: persistence.Lost},
		{Outcome: persistence.Lost, Err: persistence.ErrInvalid},
	}
	for i := range want {
		if got[i].Outcome != want[i].Outcome || !errors.Is(got[i].Err, want[i].Err) {
			t.Errorf("transition %d: %v (%v), want %v (%v)", i, got[i].Outcome, got[i].Err, want[i].Outcome, want[i].Err)
		}
	}
}

func TestApplyLeavesTheRestUnknownWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := &held{then: cancel}
	results := persistence.Apply(ctx, h, make([]persistence.Transition, 3))
	for i, r := range results {
		if r.Outcome != persistence.Unknown || !errors.Is(r.Err, context.Canceled) {
			t.Errorf("transition %d: %v (%v), want unknown because of the context", i, r.Outcome, r.Err)
		}
	}
	for _, done := range h.asked { // late answers neither block nor change anything
		done(persistence.Result{Outcome: persistence.Won})
	}
	if results[0].Outcome != persistence.Unknown {
		t.Error("a late answer changed what Apply had returned")
	}
}

func TestApplyOfNothing(t *testing.T) {
	if got := persistence.Apply(t.Context(), &held{}, nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestOutcomeString(t *testing.T) {
	for outcome, want := range map[persistence.Outcome]string{
		persistence.Won: "won", persistence.Lost: "lost", persistence.Unknown: "unknown", 99: "unknown",
	} {
		if got := outcome.String(); got != want {
			t.Errorf("%d: %q, want %q", outcome, got, want)
		}
	}
}
