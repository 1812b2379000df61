package test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// moments of a write at which a process is killed: before the store has it,
// and when it is durable and nobody has been told.
var moments = []string{"before", "after"}

// crashRound runs a process with faults, and then the next one; it says at
// which write the first was killed, notKilled if it was not.
type crashRound func(t *testing.T, faults, moment string) (killed string)

const notKilled = "none"

// crashSweep kills a process at its first write, the next one at its second,
// and so on, until there are none left, at both moments. What a service does by
// itself goes on beside the requests, so the same number is not always the same
// write: kinds of writes that must be hit, and were not, are aimed at.
func crashSweep(t *testing.T, must []string, round crashRound) {
	t.Helper()
	hit := hits{writes: map[string]int{}}
	for _, moment := range moments {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			run := func(name, faults string) (killed string) {
				t.Run(name, func(t *testing.T) {
					killed = round(t, faults, moment)
					hit.add(moment, killed)
				})
				return killed
			}
			for n := 1; n < 1000; n++ {
				if run(strconv.Itoa(n), fmt.Sprintf("kill=%d/%s", n, moment)) == notKilled {
					break
				}
			}
			for _, write := range must {
				if !hit.has(moment, write) {
					run(write, fmt.Sprintf("kill=1/%s/%s", moment, write))
				}
			}
		})
	}
	t.Cleanup(func() { hit.report(t) })
}

// crashSample is crashSweep in a hurry: it kills at one write of each kind, at one
// moment or the other.
func crashSample(t *testing.T, must []string, round crashRound) {
	t.Helper()
	hit := hits{writes: map[string]int{}}
	for i, write := range must {
		moment := moments[i%len(moments)]
		t.Run(moment+" "+write, func(t *testing.T) {
			t.Parallel()
			killed := round(t, fmt.Sprintf("kill=1/%s/%s", moment, write), moment)
			if killed == notKilled {
				t.Errorf("there was no write %s", write)
			}
			hit.add(moment, killed)
		})
	}
	t.Cleanup(func() { hit.report(t) })
}

// hits are the writes at which processes were killed.
type hits struct {
	mu     sync.Mutex
	writes map[string]int // by moment and kinds
}

func (h *hits) add(moment, write string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes[moment+" "+write]++
}

func (h *hits) has(moment, write string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes[moment+" "+write] > 0
}

func (h *hits) report(t *testing.T) {
	t.Helper()
	kills := 0
	var lines []string
	for _, write := range slices.Sorted(maps.Keys(h.writes)) {
		if !strings.HasSuffix(write, notKilled) {
			kills += h.writes[write]
			lines = append(lines, fmt.Sprintf("%4d %s", h.writes[write], write))
		}
	}
	t.Logf("%d kills:\n%s", kills, strings.Join(lines, "\n"))
}
