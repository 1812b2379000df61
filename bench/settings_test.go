package bench

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// What the benchmarks take from the environment: counts, and seconds.
const (
	roundsVariable  = "ARQD_BENCH_ROUNDS"  // how often each line is measured
	secondsVariable = "ARQD_BENCH_SECONDS" // how long each time
	arqsVariable    = "ARQD_BENCH_ARQS"    // stored, where a row says 1,000,000
	boundVariable   = "ARQD_BENCH_BOUND"   // of them bound, at the restart
)

const (
	usualRounds = 5
	fewARQs     = 100_000 // unless the environment says more
)

func number(tb testing.TB, variable string, otherwise int) int {
	tb.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		tb.Fatalf("%s=%q: not a number of them", variable, text)
	}
	return n
}

// seconds gives how long each measurement takes.
func seconds(tb testing.TB) float64 {
	tb.Helper()
	text := cmp.Or(os.Getenv(secondsVariable), "2")
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || s <= 0 {
		tb.Fatalf("%s=%q: not a time in seconds", secondsVariable, text)
	}
	return s
}

// whole has something measured once, into the table of this process.
func whole(b *testing.B, measure func(testing.TB, *Report)) {
	b.Helper()
	for b.Loop() {
		measure(b, table)
	}
	b.ReportMetric(0, "ns/op") // says nothing
}

// say tells whoever waits how far it is.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// inTurn has two things done for a round, in an order that changes from round to
// round.
func inTurn(round int, first, second func()) {
	if round%2 == 1 {
		first, second = second, first
	}
	first()
	second()
}
