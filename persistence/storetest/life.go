package storetest

import (
	"errors"
	"sync"

	"github.com/arqd/arqd/persistence"
)

var lifeTests = map[string]func(trial){
	"ReopenKeepsEverything":         reopenKeeps,
	"RecoverVisitsAllInOrder":       recoverVisits,
	"RecoverEndsWithVisitorsError":  recoverError,
	"SubmitBeforeRecoverIsRefused":  submitBeforeRecover,
	"SubmitAfterCloseIsRefused":     submitAfterClose,
	"CloseWaitsForQueued":           closeWaits,
	"CloseAgainstManySubmitters":    closeUnderLoad,
	"ReadsAfterCloseAreRefused":     readsAfterClose,
	"EveryOutcomeIsToldExactlyOnce": toldOnce,
}

func reopenKeeps(t trial) {
	s := t.open()
	kept := persistence.Put{
		Key: key("arq", 1), Expected: 2, Body: []byte("kept"),
		Indexes: []persistence.Index{{Name: "state", Value: "Bound"}},
		Claims:  []persistence.Claim{handle("h1"), handle("h2")},
	}
	s.wins(puts(put(kept.Key, 0, "a")), puts(put(kept.Key, 1, "b", handle("h3"))), puts(kept))
	s.wins(puts(put(key("arq", 2), 0, "", handle("h4"))), deletes(key("arq", 2), 1))
	for range 2 {
		s.close()
		s = t.open()
		s.has(record(kept))
		s.lacks(key("arq", 2))
		s.loses(puts(put(kept.Key, 2, "stale")))
		s.loses(puts(put(key("arq", 3), 0, "", handle("h2"))))
	}
	s.wins(puts(put(key("arq", 3), 0, "", handle("h3"), handle("h4"))))
	s.wins(puts(put(kept.Key, 3, "next")))
	s.wins(puts(put(key("arq", 4), 0, "", handle("h1"))))
}

func recoverVisits(t trial) {
	s := t.open()
	fill(s, 10)
	want := all(t, s.Each)
	s.close()
	again := t.opener(t.T)
	got := all(t, again.Recover)
	sameAll(t, "recover", got, want)
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func recoverError(t trial) {
	s := t.open()
	fill(s, 3)
	s.close()
	again := bed{t.opener(t.T), t}
	t.Cleanup(again.close)
	stop := errors.New("stop")
	if err := again.Recover(t.Context(), func(persistence.Record) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("%v, want the visitor's error", err)
	}
	again.refuses(puts(put(key("arq", 50), 0, "")), persistence.ErrUnavailable)
	if n := len(all(t, again.Recover)); n != 9 {
		t.Fatalf("second try: %d records, want 9", n)
	}
	again.wins(puts(put(key("arq", 50), 0, "")))
}

func submitBeforeRecover(t trial) {
	s := bed{t.opener(t.T), t}
	t.Cleanup(s.close)
	s.refuses(puts(put(key("arq", 1), 0, "")), persistence.ErrUnavailable)
	s.lacks(key("arq", 1))
}

func submitAfterClose(t trial) {
	s := t.open()
	s.close()
	s.close() // may be called twice
	s.refuses(puts(put(key("arq", 1), 0, "")), persistence.ErrUnavailable)
	again := t.open()
	again.lacks(key("arq", 1))
}

func closeWaits(t trial) {
	s := t.open()
	const n = 300
	told := make(chan persistence.Result, n)
	for i := range n {
		s.Submit(puts(put(key("arq", i), 0, "")), func(r persistence.Result) { told <- r })
	}
	s.close()
	if len(told) != n {
		t.Fatalf("%d outcomes told when Close returned, want %d", len(told), n)
	}
	for range n {
		if r := <-told; r.Outcome != persistence.Won {
			t.Fatalf("%v (%v), want won", r.Outcome, r.Err)
		}
	}
	if got := len(all(t, t.open().Each)); got != n {
		t.Fatalf("%d records after reopening, want %d", got, n)
	}
}

// closeUnderLoad: whoever submits while the store closes is answered, and what
// was won is there.
func closeUnderLoad(t trial) {
	s := t.open()
	const workers = 8
	started := make(chan struct{}, workers)
	won := make([]int, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := 0; ; i++ {
				p := put(key("arq", w<<20+i), 0, "")
				r := persistence.Apply(t.Context(), s.Store, []persistence.Transition{puts(p)})[0]
				if r.Outcome != persistence.Won {
					if r.Outcome != persistence.Lost || !errors.Is(r.Err, persistence.ErrUnavailable) {
						t.Errorf("%v (%v), want lost with ErrUnavailable", r.Outcome, r.Err)
					}
					return
				}
				won[w]++
				if i == 0 {
					started <- struct{}{}
				}
			}
		})
	}
	for range workers {
		<-started
	}
	s.close()
	group.Wait()
	want := 0
	for _, n := range won {
		want += n
	}
	if got := len(all(t, t.open().Each)); got != want {
		t.Fatalf("%d records after reopening, %d were won", got, want)
	}
}

func readsAfterClose(t trial) {
	s := t.open()
	fill(s, 2)
	s.close()
	_, load := s.Load(t.Context(), key("arq", 1))
	_, fresh := s.Fresh(t.Context(), []persistence.Key{key("arq", 1)})
	_, list := s.List(t.Context(), persistence.Query{Kind: "arq"})
	each := s.Each(t.Context(), func(persistence.Record) error { return nil })
	for name, err := range map[string]error{"load": load, "fresh": fresh, "list": list, "each": each} {
		if !errors.Is(err, persistence.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}

func toldOnce(t trial) {
	s := t.open()
	const n = 400
	told := make([]int, n)
	for i := range n {
		transition := puts(put(key("arq", i%97), 0, ""))
		if i%50 == 0 {
			transition = deletes(key("arq", i), 0) // invalid
		}
		s.Submit(transition, func(persistence.Result) { told[i]++ }) // one at a time: no lock
	}
	s.close()
	for i, times := range told {
		if times != 1 {
			t.Errorf("outcome %d told %d times", i, times)
		}
	}
}
