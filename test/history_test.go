package test

import (
	"os"
	"testing"
	"time"
)

// historyTime is how long clients work in the short form.
const historyTime = 10 * time.Second

// TestHistory has clients work on hot spots of a service that is killed,
// stopped, slowed down and failed by its devices, and checks that all that they
// saw is what one arqd could have shown that does one thing after the other and
// never forgets. ARQD_HISTORY sets how long, ARQD_SEED what happens.
func TestHistory(t *testing.T) {
	limit := historyTime
	if text := os.Getenv("ARQD_HISTORY"); text != "" {
		var err error
		if limit, err = time.ParseDuration(text); err != nil {
			t.Fatalf("ARQD_HISTORY: %v", err)
		}
	}
	run := newHistoryRun(t, seedOf(t))
	for begin := time.Now(); time.Since(begin) < limit && !t.Failed(); {
		run.oneEpoch()
	}
	run.service.Load().stop()
	run.verifyStore()
	t.Log(run.summary())
}
