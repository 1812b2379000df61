package actors

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/arqd/arqd/persistence"
)

// simCall is one request of a client, and what it was told.
type simCall struct {
	ask        ask
	life       *life
	begin, end int // commits before it began and when it was answered
	seq, done  int // the same among all that happened; done 0: not answered
	from, to   time.Time
	err        error
}

// ask is what a client wants, and what it may be told.
type ask interface {
	fmt.Stringer
	// did says whether a commit is this, and why it must not be.
	did(h *history, c *commit) (is bool, wrong string)
	// so says whether it is as asked after a commit.
	so(h *history, index int) bool
	// lazy says whether success needs no write when it is so already.
	lazy() bool
	// refused says whether a refusal has a reason after some commit from..to.
	refused(h *history, k *simCall, w window, code Code) bool
}

// window is a span of commits: what was so after the first, after any between,
// or after the last.
type window struct{ from, to int }

// ever says whether something was so at some time of a window.
func (w window) ever(is func(index int) bool) bool {
	for i := w.from; i <= w.to; i++ {
		if is(i) {
			return true
		}
	}
	return false
}

// asks begins a call.
func (h *history) asks(l *life, a ask) *simCall {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := &simCall{ask: a, life: l, begin: len(h.commits), seq: h.tick(), from: time.Now()}
	h.calls = append(h.calls, k)
	return k
}

// answered ends a call, and judges the answer. The dead answer nobody.
func (h *history) answered(s *simulation, k *simCall, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if k.life.isDead() {
		return
	}
	k.end, k.done, k.to, k.err = len(h.commits), h.tick(), time.Now(), err
	s.note(fmt.Sprintf("answer %T %v", k.ask, err == nil))
	if took := k.to.Sub(k.from); took > s.opts.CallTimeout+10*time.Second {
		h.violated("%s was answered after %s", k.ask, took)
	}
	w := h.window(k)
	switch code := ErrorCode(err); {
	case err == nil:
		if !h.claim(k) && !h.found(k, w) && !h.takeOver(k) {
			h.violated("%s was answered with success, and nothing of it was written", k.ask)
		}
	case code == CodeInternal:
		h.violated("%s: a fault of ours: %v", k.ask, err)
	case code == CodeTimeout:
		s.counts.timeouts++
		if k.to.Sub(k.from) < s.opts.CallTimeout && !k.life.ending.Load() {
			h.violated("%s was given up after %s: %v", k.ask, k.to.Sub(k.from), err)
		}
	case k.life.ending.Load() && code == CodeUnavailable:
	case code == CodeNoFreeHandle:
		if !h.claim(k) {
			h.violated("%s found no handle, and its ARQs are not BindFailed", k.ask)
		}
		fallthrough
	default:
		if !k.ask.refused(h, k, w, code) {
			h.violated("%s was refused for no reason: %v", k.ask, err)
		}
	}
}

// claim finds the commit that did what was asked, and nobody else's.
func (h *history) claim(k *simCall) bool {
	for _, c := range h.commits[k.begin:] {
		if c.by != nil || c.life != k.life || c.own() {
			continue
		}
		is, wrong := k.ask.did(h, c)
		if !is {
			continue
		}
		c.by = k
		if wrong != "" {
			h.violated("%s, commit %d: %s", k.ask, c.index, wrong)
		}
		return true
	}
	return false
}

// takeOver claims a commit of somebody whose success needed none.
func (h *history) takeOver(k *simCall) bool {
	for _, c := range h.commits[k.begin:] {
		if c.by == nil || !h.found(c.by, h.window(c.by)) {
			continue
		}
		if is, _ := k.ask.did(h, c); is {
			c.by = k
			return true
		}
	}
	return false
}

// found says whether success needed no work: it was so already, where that is
// enough, or it was so all the same when the store could not tell the outcome
// of a write, and the records are all there is to go by.
func (h *history) found(k *simCall, w window) bool {
	return (k.ask.lazy() || h.faultSince(k.seq)) && w.ever(func(i int) bool { return k.ask.so(h, i) })
}

// window are the states that an answer may rest on: those of its call's time,
// and those before the changes whose callers had not been answered when it
// began, because the order of what overlaps is free.
func (h *history) window(k *simCall) window {
	w := window{k.begin, k.end}
	for _, c := range h.commits[:k.begin] {
		if c.life == k.life && !c.settledBefore(k) {
			w.from = min(w.from, c.index-1)
		}
	}
	return w
}

func (c *commit) settledBefore(k *simCall) bool {
	switch {
	case c.own():
		return c.at.Add(simSlack).Before(k.from)
	case c.by == nil: // whoever asked has not been answered
		return false
	}
	return c.by.done != 0 && c.by.done < k.seq
}

// disturbed says whether a call shared its time with another one, with the
// service's own work, or with a fault of the store.
func (h *history) disturbed(k *simCall) bool {
	if len(h.faults) > 0 && h.faults[len(h.faults)-1] > k.seq {
		return true
	}
	for _, c := range h.commits {
		if c.life == k.life && c.own() && !c.at.Add(simSlack).Before(k.from) {
			return true
		}
	}
	for _, other := range h.calls {
		if other != k && other.life == k.life && (other.done == 0 || other.done > k.seq) {
			return true
		}
	}
	return false
}

// close wants an owner for every commit: one that was not told, because its
// process died or its patience ended, or one whose answer needed none.
func (h *history) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, k := range h.calls {
		if k.done == 0 || k.err == nil || ErrorCode(k.err) == CodeTimeout {
			h.claim(k)
		}
	}
	for _, c := range h.commits {
		if c.by == nil && !c.own() {
			h.violated("commit %d was asked for by nobody: %s", c.index, c)
		}
	}
	for id, e := range h.created {
		if h.events[id] == nil && !e.Held { // of a hold that ended, its removal was judged
			h.violated("the compute service was never told: %+v", e)
		}
	}
}

func (c *commit) String() string {
	text := ""
	for _, ch := range c.arqs {
		if ch.after == nil {
			text += fmt.Sprintf("ARQ %s gone; ", ch.before.UUID)
		} else {
			text += fmt.Sprintf("ARQ %s %s; ", ch.after.UUID, ch.after.State)
		}
	}
	return text + fmt.Sprintf("%d handles, %d devices, %d profiles", len(c.handles), len(c.devices), len(c.profiles))
}

// ever says whether a record was so at some time of a window.
func ever[T any](h *history, key persistence.Key, w window, is func(*T) bool) bool {
	return w.ever(func(i int) bool { return is(atOf[T](h, key, i)) })
}

// chronicle tells a run in order: who asked what, what was written, and what
// was answered.
func (h *history) chronicle() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	lines := map[int]string{}
	for i, k := range h.calls {
		lines[k.seq] = fmt.Sprintf("%s  call %d: %s", k.from.Format(clock), i, k.ask)
		if k.done != 0 {
			lines[k.done] = fmt.Sprintf("%s  answer %d: %v", k.to.Format(clock), i, k.err)
		}
	}
	for _, c := range h.commits {
		lines[c.seq] = fmt.Sprintf("%s  commit %d: %s", c.at.Format(clock), c.index, c)
	}
	for _, seq := range h.faults {
		lines[seq] = "              a fault of the store"
	}
	var text strings.Builder
	for _, seq := range slices.Sorted(maps.Keys(lines)) {
		text.WriteString(lines[seq] + "\n")
	}
	return text.String()
}

const clock = "15:04:05.000"
