package scenario

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/arqd/arqd/bench/report"
)

func finish(t *testing.T, ctx context.Context, o *Options) *report.File { //nolint:revive // t first, as everywhere here
	t.Helper()
	f, err := Run(ctx, o, "none")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func operation(t *testing.T, f *report.File, repetition int) report.Operation {
	t.Helper()
	if len(f.Phases) != 1 || len(f.Phases[0].Repetitions) <= repetition || len(f.Phases[0].Repetitions[repetition].Operations) != 1 {
		t.Fatalf("phases: %+v", f.Phases)
	}
	return f.Phases[0].Repetitions[repetition].Operations[0]
}

// TestRepetitionsAreCountedAndTidied: each begins with what the first found,
// and the load that warms up is in no figure.
func TestRepetitionsAreCountedAndTidied(t *testing.T) {
	s := newService(t)
	o := s.options(t)
	o.Warmup = time.Millisecond
	var progress bytes.Buffer
	o.Progress = &Progress{W: &progress}
	f := finish(t, t.Context(), o)
	for n := range 2 {
		if op := operation(t, f, n); op.Good != 50 || op.Things != 50 || op.Outcomes["201"] != 50 {
			t.Errorf("repetition %d: %+v", n, op)
		}
	}
	s.left(t, 0, 0)
	if f.Cleanup.DeletedARQs != s.posts || f.Cleanup.DeletedProfiles != 1 || !f.Cleanup.Complete() || s.posts <= 100 {
		t.Errorf("%+v of %d creates", f.Cleanup, s.posts)
	}
	if !strings.Contains(progress.String(), "create, 2 of 2: ") {
		t.Errorf("progress: %s", &progress)
	}
}

// TestAStopCleansUp: what a signal does. Requests under way are answered, and
// theirs is removed, too.
func TestAStopCleansUp(t *testing.T) {
	s := newService(t)
	ctx, stop := context.WithCancel(t.Context())
	var creates atomic.Int64
	s.spoil = func(_ http.ResponseWriter, r *http.Request, carryOut func()) {
		if strings.HasSuffix(r.URL.Path, "/accelerator_requests") && r.Method == http.MethodPost && creates.Add(1) == 20 {
			stop()
		}
		carryOut()
	}
	o := s.options(t)
	o.Count, o.Duration = 0, time.Hour
	f := finish(t, ctx, o)
	op := operation(t, f, 0)
	if !f.Interrupted || !f.Phases[0].Repetitions[0].Interrupted || len(f.Phases[0].Repetitions) != 1 {
		t.Errorf("it does not say that it was interrupted: %+v", f)
	}
	if op.Good < 20 || op.Good != creates.Load() || f.Cleanup.DeletedARQs != int(op.Good) {
		t.Errorf("%d good of %d creates, %+v", op.Good, creates.Load(), f.Cleanup)
	}
	s.left(t, 0, 0)
}

// TestErrorsAreCounted by status, and have no part in latencies and rates.
func TestErrorsAreCounted(t *testing.T) {
	s := newService(t)
	var creates atomic.Int64
	s.spoil = func(w http.ResponseWriter, r *http.Request, carryOut func()) {
		if strings.HasSuffix(r.URL.Path, "/accelerator_requests") && r.Method == http.MethodPost {
			switch creates.Add(1) % 5 {
			case 0:
				refuse(w, 503)
				return
			case 1:
				w.WriteHeader(201) // without the ARQs
				return
			}
		}
		carryOut()
	}
	o := s.options(t)
	o.Repeat = 1
	f := finish(t, t.Context(), o)
	op := operation(t, f, 0)
	if op.Good != 30 || op.Outcomes["201"] != 30 || op.Outcomes["503"] != 10 || op.Outcomes["unreadable"] != 10 || op.Bad() != 20 {
		t.Errorf("%+v", op)
	}
	h, err := op.Decode()
	if err != nil || h.TotalCount() != 30 {
		t.Errorf("%d latencies (%v), want those of the good ones", h.TotalCount(), err)
	}
	var table bytes.Buffer
	if err := f.Print(&table, 0); err != nil || !strings.Contains(table.String(), "503: 10, unreadable: 10") {
		t.Errorf("the table hides them: %s (%v)", &table, err)
	}
	s.left(t, 0, 0)
}

// TestWhatWasNotAnsweredIsRemoved: it is found by its device profile, in a
// service without pages. What others have made stays.
func TestWhatWasNotAnsweredIsRemoved(t *testing.T) {
	s := newService(t)
	foreign := s.options(t)
	foreign.Keep, foreign.Repeat = true, 1
	if f := finish(t, t.Context(), foreign); !f.Cleanup.Kept || !f.Cleanup.Complete() {
		t.Errorf("%+v", f.Cleanup)
	}
	var creates atomic.Int64
	s.spoil = func(w http.ResponseWriter, r *http.Request, carryOut func()) {
		if r.Method == http.MethodPost && creates.Add(1)%4 == 0 {
			s.serve(discard{}, r)
			panic(http.ErrAbortHandler) // the client sees the connection end
		}
		carryOut()
	}
	o := s.options(t)
	o.Repeat = 1
	op := operation(t, finish(t, t.Context(), o), 0)
	if op.Outcomes["connection"] == 0 || op.Outcomes["connection"]+op.Good != 50 {
		t.Errorf("%+v", op)
	}
	s.spoil = nil
	s.left(t, 50, 1)
	done, err := Clean(t.Context(), o.Client)
	if err != nil || done.DeletedARQs != 50 || done.DeletedProfiles != 1 || !done.Complete() {
		t.Errorf("%+v, %v", done, err)
	}
	s.left(t, 0, 0)
}

// TestWhatCannotBeRemovedIsSaid with how many, and why.
func TestWhatCannotBeRemovedIsSaid(t *testing.T) {
	s := newService(t)
	s.spoil = func(w http.ResponseWriter, r *http.Request, carryOut func()) {
		if r.Method == http.MethodDelete {
			refuse(w, 403)
			return
		}
		carryOut()
	}
	o := s.options(t)
	o.Repeat = 1
	f := finish(t, t.Context(), o)
	if f.Cleanup.Complete() || f.Cleanup.LeftARQs != 50 || len(f.Cleanup.LeftProfiles) != 1 || f.Cleanup.DeletedARQs != 0 {
		t.Errorf("%+v", f.Cleanup)
	}
	if text := strings.Join(f.Cleanup.Errors, "\n"); !strings.Contains(text, "403") {
		t.Errorf("it does not say why: %s", text)
	}
	s.left(t, 50, 1)
}

// TestNothingToBindTo is an error of the preparation, after which nothing is
// left.
func TestNothingToBindTo(t *testing.T) {
	s := newService(t)
	o := s.options(t)
	o.Name = "boot"
	if f, err := Run(t.Context(), o, "none"); err == nil || !f.Cleanup.Complete() {
		t.Errorf("%+v, %v", f, err)
	}
	s.left(t, 0, 0)
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Name: "create", Count: 1, Repeat: 1, Concurrency: 1, ARQs: 1, Page: 1, BindTime: 1, CleanupLimit: 1}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Options){
		"no scenario":       func(o *Options) { o.Name = "crate" },
		"count or a dur":    func(o *Options) { o.Count = 0 },
		"a storm has":       func(o *Options) { o.Name = "storm" },
		"arqs must":         func(o *Options) { o.ARQs = 257 },
		"repeat must":       func(o *Options) { o.Repeat = 0 },
		"concurrency must":  func(o *Options) { o.Concurrency = 0 },
		"rate must":         func(o *Options) { o.Rate = -1 },
		"rate must be 0 or": func(o *Options) { o.Rate = math.Inf(1) },
		"from 0.001 to":     func(o *Options) { o.Rate = 1e-300 },
		"share of page":     func(o *Options) { o.Mix = map[string]float64{"page": math.Inf(1)} },
		"share of boot":     func(o *Options) { o.Mix = map[string]float64{"boot": math.NaN()} },
		"must not be neg":   func(o *Options) { o.Warmup = -1 },
		"bind-time must":    func(o *Options) { o.BindTime = 0 },
		"cleanup-limit":     func(o *Options) { o.CleanupLimit = 0 },
		"server-pid must":   func(o *Options) { o.ServerPID = -5 },
		"server-pid: ":      func(o *Options) { o.ServerPID = 1 << 30 }, // more than there can be
		"ramp is":           func(o *Options) { o.Ramp = time.Second },
		"a mix has":         func(o *Options) { o.Mix = map[string]float64{"shows": 1} },
		"the share of show": func(o *Options) { o.Mix = map[string]float64{"show": -1} },
		"come to 0":         func(o *Options) { o.Mix = map[string]float64{"show": 0} },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// discard takes an answer that nobody is to see.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// TestAnInstanceThatIsNotBound has ARQs all the same: they are deleted by their
// uuids, for a service has nothing to delete of an instance that it never heard of.
func TestAnInstanceThatIsNotBound(t *testing.T) {
	s := newService(t)
	s.handles = 4
	s.spoil = func(w http.ResponseWriter, r *http.Request, carryOut func()) {
		if r.Method == http.MethodPatch {
			refuse(w, 503)
			return
		}
		carryOut()
		if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/accelerator_requests") && r.URL.Query().Has("instance") {
			t.Errorf("the ARQs of an instance are deleted that has none")
		}
	}
	o := s.options(t)
	o.Name, o.Repeat, o.Keep = "boot", 1, true
	f := finish(t, t.Context(), o)
	s.left(t, 0, 1)
	if ops := f.Phases[0].Repetitions[0].Operations; f.Barren() != "boot" || !slices.ContainsFunc(ops, func(o report.Operation) bool {
		return o.Name == "delete" && o.Good == 50 && o.Things == 50
	}) {
		t.Errorf("%+v", ops)
	}
}

// TestAMixOfNothing: without pages there may be nothing left to do.
func TestAMixOfNothing(t *testing.T) {
	s := newService(t)
	s.handles = 4
	o := s.options(t)
	o.Name, o.Mix = "mixed", map[string]float64{"page": 1}
	if f, err := Run(t.Context(), o, "none"); err == nil || !strings.Contains(err.Error(), "nothing") || !f.Cleanup.Complete() {
		t.Errorf("%+v, %v", f, err)
	}
	s.left(t, 0, 0)
}

// TestCleaningHasPatience: a service that holds projects to a rate refuses what
// comes too early, in the preparation as in the end.
func TestCleaningHasPatience(t *testing.T) {
	s := newService(t)
	var requests atomic.Int64
	s.spoil = func(w http.ResponseWriter, r *http.Request, carryOut func()) {
		load := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/accelerator_requests")
		if !load && requests.Add(1)%2 == 1 {
			w.Header().Set("Retry-After", "0")
			refuse(w, 429)
			return
		}
		carryOut()
	}
	if f := finish(t, t.Context(), s.options(t)); !f.Cleanup.Complete() || f.Cleanup.DeletedARQs != 100 {
		t.Errorf("%+v", f.Cleanup)
	}
	s.left(t, 0, 0)
}

// TestDeletesThatAreNotAnswered may have been carried out. It is looked at what
// is there, and no ARQ is said to be left that is not.
func TestDeletesThatAreNotAnswered(t *testing.T) {
	s := newService(t)
	s.spoil = func(_ http.ResponseWriter, r *http.Request, carryOut func()) {
		if r.Method == http.MethodDelete {
			s.serve(discard{}, r)
			panic(http.ErrAbortHandler)
		}
		carryOut()
	}
	o := s.options(t)
	o.Repeat = 1
	if f := finish(t, t.Context(), o); f.Cleanup.LeftARQs != 0 || f.Cleanup.DeletedARQs != 50 {
		t.Errorf("%+v", f.Cleanup)
	}
	s.left(t, 0, 0)
}

// TestWhatWasNeverMadeIsNotLeft: the device profile was refused.
func TestWhatWasNeverMadeIsNotLeft(t *testing.T) {
	s := newService(t)
	s.spoil = func(w http.ResponseWriter, _ *http.Request, _ func()) { refuse(w, 401) }
	f, err := Run(t.Context(), s.options(t), "none")
	if err == nil || !f.Cleanup.Complete() {
		t.Errorf("%v, %+v", err, f.Cleanup)
	}
}

// TestInstancesAreRemovedOnce: what went with them is not asked for again.
func TestInstancesAreRemovedOnce(t *testing.T) {
	s := newService(t)
	s.handles = 4
	s.spoil = func(w http.ResponseWriter, r *http.Request, carryOut func()) {
		answered := &status{ResponseWriter: w}
		s.serve(answered, r)
		if answered.code == 404 && r.Method == http.MethodDelete {
			t.Errorf("%s is not there", r.URL)
		}
	}
	o := s.options(t)
	o.Name, o.Repeat, o.Count = "read", 1, 1
	if f := finish(t, t.Context(), o); !f.Cleanup.Complete() || f.Cleanup.DeletedARQs != s.posts {
		t.Errorf("%+v of %d", f.Cleanup, s.posts)
	}
	s.left(t, 0, 0)
}

type status struct {
	http.ResponseWriter

	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// TestAServiceThatKnowsNoLimit gives everything each time: there is no end of
// pages in that.
func TestAServiceThatKnowsNoLimit(t *testing.T) {
	s := newService(t)
	s.spoil = func(w http.ResponseWriter, r *http.Request, carryOut func()) {
		if query := r.URL.Query(); query.Has("limit") {
			query.Del("limit")
			r.URL.RawQuery = query.Encode()
		}
		carryOut()
	}
	o := s.options(t)
	o.Keep, o.Repeat = true, 1
	finish(t, t.Context(), o)
	done, err := Clean(t.Context(), o.Client)
	if err != nil || done.DeletedARQs != 50 {
		t.Errorf("%+v, %v", done, err)
	}
	s.left(t, 0, 0)
}

// TestTheServerDies while it is measured: what was seen until then, and after it,
// is kept.
func TestTheServerDies(t *testing.T) {
	server := exec.CommandContext(t.Context(), "sleep", "600")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	s := newService(t)
	var creates atomic.Int64
	s.spoil = func(_ http.ResponseWriter, r *http.Request, carryOut func()) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/accelerator_requests") && creates.Add(1) == 70 {
			_ = server.Process.Kill()
			_ = server.Wait()
		}
		carryOut()
	}
	o := s.options(t)
	o.Repeat, o.ServerPID = 3, server.Process.Pid
	f := finish(t, t.Context(), o)
	for n, measured := range []bool{true, false, false} {
		if op := operation(t, f, n); op.Good != 50 || (f.Phases[0].Repetitions[n].Server != nil) != measured {
			t.Errorf("repetition %d: %+v", n, f.Phases[0].Repetitions[n])
		}
	}
	if text := strings.Join(f.Notes, "\n"); strings.Count(text, "the server was not measured") != 2 {
		t.Errorf("it says %q", text)
	}
	s.left(t, 0, 0)
}

// TestReadsBesideTheBindsOfOthers, who have what the devices have: there are fewer
// instances to read, or none, and everything else is measured.
func TestReadsBesideTheBindsOfOthers(t *testing.T) {
	for free, phases := range map[int64]string{0: "show list", 2: "show instance list"} {
		s := newService(t)
		s.handles = 4
		var binds atomic.Int64
		s.spoil = func(w http.ResponseWriter, r *http.Request, carryOut func()) {
			if r.Method == http.MethodPatch && binds.Add(1) > free {
				refuse(w, 404)
				return
			}
			carryOut()
		}
		o := s.options(t)
		o.Name, o.Repeat, o.Count = "read", 1, 1
		f := finish(t, t.Context(), o)
		var names []string
		for i := range f.Phases {
			names = append(names, f.Phases[i].Name)
		}
		if got := strings.Join(names, " "); got != phases {
			t.Errorf("%d are free: %q was measured, want %q", free, got, phases)
		}
		if text := strings.Join(f.Notes, "\n"); !strings.Contains(text, "404") {
			t.Errorf("%d are free: it does not say why: %q", free, text)
		}
		s.left(t, 0, 0)
	}
}
