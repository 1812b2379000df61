package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/memory"
)

// wantRules holds the data of one moment against the rules.
func (r *rush) wantRules(of memory.Snapshot) {
	r.t.Helper()
	s := memory.New(memory.Options{Snapshot: of})
	report, err := Verify(context.Background(), s)
	r.must(err)
	for _, v := range report.Violations {
		r.t.Error(v)
	}
	r.must(s.Close())
}

// restTime is how long it may take at most until nothing is left to do.
const restTime = time.Minute

// comeToRest ends the load, gives back all that anybody has, and wants nothing to be
// left: no handle, no record, no actor.
func (r *rush) comeToRest() {
	r.t.Helper()
	r.calls.ending.Store(true) // whose call is under way gives it up
	r.halt()
	r.crowd.Wait()
	r.calls.ending.Store(false)
	r.calm.Store(true)
	limit, left := time.Now().Add(restTime), ""
	for left = r.restless(); left != "" && time.Now().Before(limit); left = r.restless() {
		r.removeAll()
		<-time.After(5 * time.Millisecond)
	}
	if left != "" {
		r.t.Errorf("after %s there is still: %s\n%s", restTime, left, r.leftOver())
	}
	r.wantViews()
	r.calls.ending.Store(true)
	r.ended()
	r.must(r.sys.Stop(r.t.Context()))
	r.must(r.store.Close())
	r.wantQuiet()
}

// wantQuiet wants the actors of a service that has ended to come to an end.
func (r *rush) wantQuiet() {
	r.t.Helper()
	limit := time.Now().Add(restTime)
	for before := r.messages.Load(); time.Now().Before(limit); {
		<-time.After(5 * time.Millisecond)
		now := r.messages.Load()
		if now == before {
			return
		}
		before = now
	}
	r.t.Error("the service has ended, and its actors go on")
}

func (r *rush) removeAll() {
	all, err := r.sys.ARQs(ARQQuery{Scope: admin})
	r.must(err)
	for a := range all {
		r.calls.took("delete at the end", r.sys.DeleteARQs(context.Background(), DeleteARQs{Scope: admin, ARQs: []uuid.UUID{a.UUID}, Service: true}),
			CodeNotFound, CodeUnavailable)
	}
}

// restless says what is left to do; "": nothing is.
func (r *rush) restless() string {
	st, n := r.sys.Stats(), 0
	for _, of := range st.ARQs {
		n += of
	}
	for what, left := range map[string]int{
		"ARQs": n, "ARQs held back": st.ARQsHeld, "handles taken": st.HandlesTaken, "handles releasing": st.HandlesReleasing,
		"events": st.OutboxDepth, "operations": st.ActiveActors["operation"], "actors of ARQs": st.ActiveActors["arq"],
		"actors of profiles": st.ActiveActors["device_profile"], "actors of projects": st.ActiveActors["project"],
		"records of ARQs": r.recorded(kindARQ), "records of instances": r.recorded(kindInstance),
		"records of events": r.recorded(kindEvent), "records of commands": r.recorded(kindCommand),
		"devices not shown": st.Devices - r.sys.SupplyStats().Devices[SupplyShown.String()],
	} {
		if left != 0 {
			return fmt.Sprintf("%d %s", left, what)
		}
	}
	return ""
}

// leftOver is what is on record of work.
func (r *rush) leftOver() string {
	var lines []string
	r.must(r.store.Each(context.Background(), func(rec persistence.Record) error {
		switch rec.Key.Kind {
		case kindCommand, kindHost, kindDevice, kindEvent, kindARQ:
			about, _ := Describe(rec)
			text, err := json.Marshal(about)
			r.must(err)
			lines = append(lines, string(text))
		}
		return nil
	}))
	return strings.Join(lines, "\n")
}

// rushCalls counts answers, and complains of those that nobody should get.
type rushCalls struct {
	t      *testing.T
	ending atomic.Bool // the service stops, or has died

	mu     sync.Mutex
	counts map[string]int
}

func newRushCalls(t *testing.T) *rushCalls {
	t.Helper()
	return &rushCalls{t: t, counts: map[string]int{}}
}

// String gives how many calls there were of each kind, by their codes unless they went well.
func (c *rushCalls) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for what, n := range c.counts {
		lines = append(lines, fmt.Sprintf("%s: %d", what, n))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

// took takes an answer down. Besides success it may have one of the codes, and while
// the service ends be none.
func (c *rushCalls) took(what string, err error, codes ...Code) (ok bool) {
	code := ErrorCode(err)
	switch {
	case err == nil:
	case slices.Contains(codes, code):
		what = fmt.Sprintf("%s %d", what, code)
	case c.ending.Load() && (code == CodeUnavailable || code == CodeTimeout):
		what += " at the end"
	default:
		c.t.Errorf("%s: code %d, %v", what, code, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
	return err == nil
}

// agentTook does so for an agent, which hears what it has to do about it, or is to try
// again.
func (c *rushCalls) agentTook(what string, err error) (ok bool) {
	if e, is := errors.AsType[*protocol.Error](err); is && e.Code != protocol.CodeInternal && e.Code != protocol.CodeInvalid {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.counts[what+" "+e.Code]++
		return false
	}
	return c.took(what, err, CodeConflict, CodeUnavailable)
}
