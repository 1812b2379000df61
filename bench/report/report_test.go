package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/arqd/arqd/bench/measure"
)

// taken makes an operation of so many calls with latencies from..to ms, and one
// that failed.
func taken(t *testing.T, name string, n, from, to int) Operation {
	t.Helper()
	r := measure.NewRecorder()
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for range n {
		r.Add(name, "201", true, time.Duration(from*1000+rng.IntN((to-from)*1000))*time.Microsecond, 2)
	}
	r.Add(name, "503", false, time.Minute, 0)
	_, ops := r.Operations()
	op, err := NewOperation(name, ops[name])
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// sample is a run of two repetitions.
func sample(t *testing.T, label string) *File {
	t.Helper()
	repetition := func(n int, seconds float64) Repetition {
		return Repetition{
			Seconds: seconds, Begun: int64(n), Late: 3, LatestMS: 12.5, Unsent: 2,
			Operations: []Operation{taken(t, "profile", n, 1, 5), taken(t, "boot", n, 10, 20)},
			Tenths:     []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 11},
			Client:     Usage{CPUSeconds: 1}, Server: &Usage{CPUSeconds: 2, RSSPeak: 64 << 20, RSSEnd: 32 << 20},
		}
	}
	return &File{
		Schema: Schema, Label: label, Version: "1", Scenario: "boot", URL: "http://h/v2",
		Started: time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC), Ended: time.Date(2026, 11, 24, 1, 3, 3, 0, time.UTC),
		Settings: Settings{Concurrency: 4, Repeat: 2, ARQs: 2, Rate: 100},
		Phases:   []Phase{{Name: "boot", Loop: "open", Workers: 4, Rate: 100, Repetitions: []Repetition{repetition(1000, 10), repetition(500, 10)}}},
		Cleanup:  Cleanup{DeletedARQs: 3000, DeletedProfiles: 1, LeftProfiles: []string{}, Errors: []string{}},
		Notes:    []string{"<i>noted</i>"},
	}
}

func TestFilesAreReadAsTheyWereWritten(t *testing.T) {
	f, path := sample(t, "a"), filepath.Join(t.TempDir(), "a.json")
	if err := f.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, f)
	}
	h, err := got.Phases[0].Merged("boot")
	if err != nil || h.TotalCount() != 1500 || h.Min() < 9990 || h.Max() > 20010 {
		t.Errorf("latencies of both repetitions: %d from %d to %d us (%v)", h.TotalCount(), h.Min(), h.Max(), err)
	}
}

// TestTheSchemaIsAsDocumented: every member of the file is in the README, by
// its name.
func TestTheSchemaIsAsDocumented(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	f := sample(t, "a")
	f.Settings.Mix = map[string]float64{"show": 1}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	for _, name := range members(tree) {
		if !bytes.Contains(readme, []byte("`"+name+"`")) {
			t.Errorf("bench/README.md does not describe %q", name)
		}
	}
	if !bytes.Contains(readme, []byte(Schema)) {
		t.Errorf("bench/README.md does not name the schema %s", Schema)
	}
}

// members gives the names of the members of objects, but not those of maps from
// outcomes and kinds of work.
func members(tree any) (names []string) {
	switch tree := tree.(type) {
	case map[string]any:
		for name, below := range tree {
			names = append(names, name)
			if name != "outcomes" && name != "mix" {
				names = append(names, members(below)...)
			}
		}
	case []any:
		for _, below := range tree {
			names = append(names, members(below)...)
		}
	}
	return names
}

// TestWhereFilesMayGo: also to what is no file, which stays what it is.
func TestWhereFilesMayGo(t *testing.T) {
	dir := t.TempDir()
	f := sample(t, "x")
	for what, write := range map[string]func(string) error{
		"json": f.Write, "html": func(path string) error { return WriteHTML(path, []*File{f}) },
	} {
		t.Run(what, func(t *testing.T) {
			at := func(name string) string { return filepath.Join(dir, what+"."+name) }
			err := errors.Join(os.Symlink(at("file"), at("link")), syscall.Mkfifo(at("pipe"), 0o600), os.Symlink(at("pipe"), at("to-pipe")))
			if err != nil {
				t.Fatal(err)
			}
			pipe, err := os.OpenFile(at("pipe"), os.O_RDWR, 0) // so that somebody reads
			if err != nil {
				t.Fatal(err)
			}
			defer pipe.Close()
			for _, path := range []struct {
				name string
				is   os.FileMode
			}{
				{"link", os.ModeSymlink}, // to nothing yet
				{"link", os.ModeSymlink},
				{"file", 0},
				{"to-pipe", os.ModeSymlink},
				{"pipe", os.ModeNamedPipe},
			} {
				if err := errors.Join(Writable(at(path.name)), write(at(path.name))); err != nil {
					t.Errorf("%s: %v", path.name, err)
				}
				if info, err := os.Lstat(at(path.name)); err != nil || info.Mode().Type() != path.is {
					t.Errorf("%s is something else now: %v, %v", path.name, info, err)
				}
			}
			if info, err := os.Stat(at("file")); err != nil || info.Size() == 0 {
				t.Errorf("nothing was written: %v", err)
			}
		})
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	for _, bad := range []string{dir, filepath.Join(dir, "nowhere", "x")} {
		if err := Writable(bad); err == nil {
			t.Errorf("%s is thought to be a file", bad)
		}
	}
}

// TestAFullDisk: what was there before stays, whole, and nothing else is left.
func TestAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", path+".new"); err != nil { // which refuses as a full disk does
		t.Fatal(err)
	}
	if err := sample(t, "x").Write(path); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Lstat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}

func TestOtherSchemasAreRefused(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"newer": `{"schema": "arqd-bench/2"}`, "none": `{}`, "no JSON": `arqd`, "of another kind": `{"schema": "arqd-bench/1", "phases": 3}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRowsAreMedians(t *testing.T) {
	rows := sample(t, "a").Rows()
	if len(rows) != 2 || rows[0].Operation != "boot" || !rows[0].Main || rows[1].Main {
		t.Fatalf("%+v", rows)
	}
	r := rows[0]
	if r.Rate != 75 || r.Least != 50 || r.Most != 100 || r.Things != 150 || r.Good != 1500 || r.Bad != 2 {
		t.Errorf("%+v", r)
	}
	if r.ServerCPU != 3000 || r.ClientCPU != 1500 || r.RSSPeak != 64 { // of 2000 and 4000, 1000 and 2000
		t.Errorf("server %v us, client %v us, %v MiB", r.ServerCPU, r.ClientCPU, r.RSSPeak)
	}
	if rows[1].ServerCPU != 0 {
		t.Error("a part of a boot is charged with all of its processor time")
	}
	for values, want := range map[[3]float64]float64{{1, 2, 3}: 2, {3, 1, 2}: 2, {0, 9, 9}: 9} {
		if got := Median(values[:]); got != want {
			t.Errorf("median of %v: %v", values, got)
		}
	}
	if got := Median([]float64{4, 1}); got != 2.5 {
		t.Errorf("median of two: %v", got)
	}
	p := sample(t, "a").Phases[0]
	if got := p.Steadiness(); got != 0.5 {
		t.Errorf("the last tenth at %v of the first, want 0.5", got)
	}
}

func TestNothingGoodIsNoResult(t *testing.T) {
	f := sample(t, "a")
	if got := f.Barren(); got != "" {
		t.Errorf("%q of good calls", got)
	}
	for i := range f.Phases[0].Repetitions {
		f.Phases[0].Repetitions[i].Operations[1].Good = 0
	}
	if got := f.Barren(); got != "boot" {
		t.Errorf("%q without a good one", got)
	}
}

func TestTheTableHidesNothing(t *testing.T) {
	f := sample(t, "a")
	f.Interrupted = true
	f.Cleanup.LeftARQs, f.Cleanup.LeftProfiles, f.Cleanup.Errors = 7, []string{"arqd-bench-x"}, []string{"deleting ARQs: status 403"}
	var b bytes.Buffer
	if err := f.Print(&b, 0); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"boot, boot: 201: 1500, 503: 2", "3 of 1000 began late, by 12 ms", "2 were never begun", "50 % of the rate of the first",
		"it was interrupted", "NOT cleaned up: 7 ARQs", "arqd-bench-x", "status 403", "noted",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

// TestSteadinessNeedsCalls: of a few the first tenth is the time of the first answer.
func TestSteadinessNeedsCalls(t *testing.T) {
	p := &sample(t, "x").Phases[0] // of 1000 and of 500 calls
	for workers, want := range map[int]float64{5: 0.5, 6: 0.5, 11: 0} {
		p.Workers = workers
		if got := p.Steadiness(); got != want {
			t.Errorf("%d workers: %v, want %v", workers, got, want)
		}
	}
	p.Repetitions[0].Tenths[0] = 2
	if p.Workers = 6; p.Steadiness() != 1 {
		t.Errorf("%v is not that of the longer one", p.Steadiness())
	}
}

// TestTheHeadSaysHowTheLoadWasMade: phases may differ from what was asked for.
func TestTheHeadSaysHowTheLoadWasMade(t *testing.T) {
	f := sample(t, "x")
	f.Settings.Rate, f.Settings.Concurrency = 0, 64
	for want, phases := range map[string][]Phase{
		"closed loop, at most 64 calls at a time":                   nil,
		"closed loop, at most 16 calls at a time":                   {{Workers: 16}},
		"closed loop, then open ones, at most 4096 calls at a time": {{Workers: 64}, {Workers: 4096, Rate: 7}},
	} {
		if f.Phases = phases; f.loop() != want {
			t.Errorf("%q, want %q", f.loop(), want)
		}
	}
}

// TestTablesFitTheTerminal: rates, medians and errors stay, whatever its width.
func TestTablesFitTheTerminal(t *testing.T) {
	f := sample(t, "a")
	for width, left := range map[int]string{0: "", 140: "", 100: "p99.9 ms", 80: "least to most", 60: "server us"} {
		var run, both bytes.Buffer
		if err := f.Print(&run, width); err != nil {
			t.Fatal(err)
		}
		if err := Compare(&both, []*File{f, f}, width); err != nil {
			t.Fatal(err)
		}
		table := strings.Split(run.String(), "\n")[2:5]
		for _, line := range append(table, strings.Split(both.String(), "\n")...) {
			if width > 0 && len(line) > width {
				t.Errorf("%d columns for %d: %s", len(line), width, line)
			}
		}
		for _, head := range []string{"call", "good", "bad", "per s", "p50 ms", "p99 ms"} {
			if !strings.Contains(table[0], head) {
				t.Errorf("no %s in %d columns", head, width)
			}
		}
		if left != "" && strings.Contains(table[0], left) {
			t.Errorf("%s is in %d columns", left, width)
		}
	}
}

// TestRunsAreToldApart: those of two versions at one URL have the same label.
func TestRunsAreToldApart(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for name, label := range map[string]string{"old.json": "http://h/v2", "new.json": "http://h/v2", "a.json": "mine", "b.json": "mine", "c.json": "other"} {
		f := sample(t, label)
		f.URL = "http://h/v2"
		paths = append(paths, filepath.Join(dir, name))
		if err := f.Write(paths[len(paths)-1]); err != nil {
			t.Fatal(err)
		}
	}
	files, err := ReadAll(paths...)
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, f := range files {
		labels = append(labels, strings.ReplaceAll(f.Label, dir+"/", ""))
	}
	slices.Sort(labels)
	if want := []string{"mine (a.json)", "mine (b.json)", "new.json", "old.json", "other"}; !slices.Equal(labels, want) {
		t.Errorf("%q, want %q", labels, want)
	}
}

func TestComparison(t *testing.T) {
	a, b := sample(t, "old"), sample(t, "new")
	b.Phases[0].Repetitions[0].Seconds, b.Phases[0].Repetitions[1].Seconds = 5, 5
	b.Phases = append(b.Phases, Phase{Name: "more", Repetitions: []Repetition{{Seconds: 1, Operations: []Operation{taken(t, "more", 9, 1, 2)}}}})
	lines := Lines([]*File{a, b})
	if len(lines) != 3 || lines[0].Rows[1].Rate != 2*lines[0].Rows[0].Rate || lines[2].Rows[0].Good != 0 || lines[2].Rows[1].Good != 9 {
		t.Errorf("%+v", lines)
	}
	var out bytes.Buffer
	if err := Compare(&out, []*File{a, b}, 0); err != nil || !strings.Contains(out.String(), "x2.00") {
		t.Errorf("%v:\n%s", err, &out)
	}
}

// TestThePageStandsForItself: it shows both runs, loads nothing from anywhere,
// and takes no markup from a file.
func TestThePageStandsForItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.html")
	if err := WriteHTML(path, []*File{sample(t, "old"), sample(t, "</td><script>new")}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, bad := range []string{"<script", "src=", "href=", "url(", "@import", "<i>noted", "NaN", "Inf"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	if got := strings.Count(page, "<svg "); got != 4 {
		t.Errorf("%d charts, want two of each call", got)
	}
	for _, want := range []string{
		`<polyline class="run0"`, `<polyline class="run1"`, "p99.9", "&lt;i&gt;noted", "Side by side", "at most 4 calls at a time, medians of 2 repetitions",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
}

// TestThePageOfOddRuns: nothing good, nothing at all, one call, a run without a
// phase of the other.
func TestThePageOfOddRuns(t *testing.T) {
	barren, empty, single := sample(t, "barren"), sample(t, "empty"), sample(t, "single")
	none, err := NewOperation("boot", &measure.Operation{Outcomes: map[string]int64{"bind: 403": 7}, Latency: measure.NewHistogram()})
	if err != nil {
		t.Fatal(err)
	}
	barren.Phases = []Phase{{Name: "boot", Repetitions: []Repetition{{Seconds: 1, Operations: []Operation{none}}}}}
	empty.Phases = nil
	single.Phases = []Phase{{Name: "one", Repetitions: []Repetition{{Seconds: 1.5, Operations: []Operation{taken(t, "one", 1, 1, 2)}}}}}
	for name, c := range map[string]struct {
		files []*File
		want  []string
		not   []string
	}{
		"barren":      {[]*File{barren}, []string{"nothing to draw", "bind: 403: 7", `class="troubles"`}, []string{"Side by side", "<svg"}},
		"empty":       {[]*File{empty}, []string{"Nothing was measured"}, []string{"<svg", "<table"}},
		"single":      {[]*File{single}, []string{"<circle", "one repetition"}, []string{"Side by side"}},
		"three":       {[]*File{barren, empty, single}, []string{"nothing to draw", "<svg"}, []string{"Side by side"}},
		"with itself": {[]*File{single, single}, []string{"Side by side", "x1.00"}, []string{`class="better"`, `class="worse"`}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out.html")
			if err := WriteHTML(path, c.files); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(string(text), want) {
					t.Errorf("no %q in the page", want)
				}
			}
			for _, not := range append(c.not, "NaN", "Inf", "%!") {
				if strings.Contains(string(text), not) {
					t.Errorf("%q is in the page", not)
				}
			}
			var b bytes.Buffer
			if err := Compare(&b, c.files, 0); err != nil {
				t.Error(err)
			}
			if err := c.files[0].Print(&b, 80); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		v, first   float64
		more, less string
	}{{110, 100, "better", "worse"}, {90, 100, "worse", "better"}, {102, 100, "", ""}, {0, 100, "", ""}, {5, 0, "", ""}} {
		if more(c.v, c.first) != c.more || less(c.v, c.first) != c.less {
			t.Errorf("%v beside %v is %q and %q", c.v, c.first, more(c.v, c.first), less(c.v, c.first))
		}
	}
}
