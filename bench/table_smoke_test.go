package bench

import (
	"math"
	"testing"
)

// TestEveryRowIsMeasured has all that make bench measures measured, too shortly
// to say anything but that it is.
func TestEveryRowIsMeasured(t *testing.T) {
	for name, value := range map[string]string{
		roundsVariable: "1", secondsVariable: "0.02", arqsVariable: "2000", boundVariable: "200",
	} {
		t.Setenv(name, value)
	}
	r := newTable()
	for _, measure := range []func(testing.TB, *Report){sideBySide, stored, list, heap, recovery} {
		measure(t, r)
	}
	for _, f := range r.Findings() {
		if f.Verdict == NotTaken || math.IsNaN(f.Value) || math.IsInf(f.Value, 0) {
			t.Errorf("%s: %s, %v", f.Key, f.Verdict, f.Values)
		}
	}
}
