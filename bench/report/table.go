package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Print writes a run as tables for a terminal of so many columns; 0: as wide as
// need be. Where there is too little room, figures of less weight are left out.
func (f *File) Print(w io.Writer, width int) error {
	fmt.Fprintf(w, "\n%s of %s: %s\n", f.Scenario, f.URL, f.loop())
	rows := f.Rows()
	grid := newGrid(columns, len(rows))
	for i := range rows {
		for j := range columns {
			grid.cells[j][i+1] = columns[j].of(&rows[i])
		}
	}
	if err := grid.print(w, width); err != nil {
		return err
	}
	for _, line := range f.remarks() {
		fmt.Fprintln(w, line)
	}
	return nil
}

// column is one of the table of a run.
type column struct {
	head string
	of   func(*Row) string
	// weight tells what is left out first where there is too little room: the
	// least. 0: nothing.
	weight int
}

var columns = []column{
	{"phase", func(r *Row) string { return r.Phase }, 0},
	{"call", func(r *Row) string { return r.Operation }, 0},
	{"good", func(r *Row) string { return fmt.Sprint(r.Good) }, 0},
	{"bad", func(r *Row) string { return fmt.Sprint(r.Bad) }, 0},
	{"per s", func(r *Row) string { return number(r.Rate) }, 0},
	{"least to most", func(r *Row) string { return number(r.Least) + " to " + number(r.Most) }, 4},
	{"ARQs/s", func(r *Row) string { return number(r.Things) }, 8},
	{"p50 ms", func(r *Row) string { return number(r.Latency.P50) }, 0},
	{"p90 ms", func(r *Row) string { return number(r.Latency.P90) }, 2},
	{"p99 ms", func(r *Row) string { return number(r.Latency.P99) }, 0},
	{"p99.9 ms", func(r *Row) string { return number(r.Latency.P999) }, 1},
	{"max ms", func(r *Row) string { return number(r.Latency.Max) }, 6},
	{"server us", func(r *Row) string { return number(r.ServerCPU) }, 7},
	{"client us", func(r *Row) string { return number(r.ClientCPU) }, 3},
	{"RSS MiB", func(r *Row) string { return number(r.RSSPeak) }, 5},
}

// loop says how the load was made. Of phases there may be fewer repetitions than
// were asked for.
func (f *File) loop() string {
	kind := "closed loop"
	if f.Settings.Rate > 0 {
		kind = fmt.Sprintf("open loop, %g a second", f.Settings.Rate)
	}
	done, workers := 0, 0
	for i := range f.Phases {
		p := &f.Phases[i]
		done, workers = max(done, len(p.Repetitions)), max(workers, p.Workers)
		if p.Rate > 0 && f.Settings.Rate == 0 {
			kind = "closed loop, then open ones"
		}
	}
	if len(f.Phases) == 0 {
		workers = f.Settings.Concurrency
	}
	text := fmt.Sprintf("%s, at most %d calls at a time", kind, workers)
	switch done {
	case 0:
		return text
	case 1:
		return text + ", one repetition"
	}
	return fmt.Sprintf("%s, medians of %d repetitions", text, done)
}

// number prints a figure to three places that count; "-": not measured.
func number(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// remarks are what is to be known beside the figures: first what went wrong.
func (f *File) remarks() []string { return append(f.troubles(), f.facts()...) }

// troubles are what makes the figures worth less, or wants somebody to look.
func (f *File) troubles() (lines []string) {
	for _, r := range f.Rows() {
		if r.Bad > 0 {
			lines = append(lines, fmt.Sprintf("%s, %s: %s", r.Phase, r.Operation, outcomes(r.Outcomes)))
		}
	}
	for i := range f.Phases {
		lines = append(lines, f.Phases[i].troubles()...)
	}
	if f.Interrupted {
		lines = append(lines, "it was interrupted: the figures are those of what was done")
	}
	return append(lines, f.Cleanup.troubles()...)
}

// facts are what else is to be known.
func (f *File) facts() []string {
	lines := slices.Clone(f.Notes)
	for i := range f.Phases {
		if s := f.Phases[i].Steadiness(); s > 0 {
			lines = append(lines, fmt.Sprintf("%s: the last tenth went at %.0f %% of the rate of the first", f.Phases[i].Name, s*100))
		}
	}
	if f.Cleanup.Kept {
		return append(lines, "what was made was kept: arqd bench clean removes it")
	}
	return append(lines, fmt.Sprintf("cleaned up: %s, %s", count(f.Cleanup.DeletedARQs, "ARQ"), count(f.Cleanup.DeletedProfiles, "device profile")))
}

func (p *Phase) troubles() (lines []string) {
	for i := range p.Repetitions {
		r := &p.Repetitions[i]
		if r.Late > 0 {
			lines = append(lines, fmt.Sprintf("%s, repetition %d: %d of %d began late, by %.0f ms at most; their latency counts from when they should have",
				p.Name, i+1, r.Late, r.Begun, r.LatestMS))
		}
		if r.Unsent > 0 {
			lines = append(lines, fmt.Sprintf("%s, repetition %d: %d were never begun: the service does not take this rate", p.Name, i+1, r.Unsent))
		}
	}
	return lines
}

func outcomes(of map[string]int64) string {
	words := make([]string, 0, len(of))
	for _, name := range slices.Sorted(maps.Keys(of)) {
		words = append(words, fmt.Sprintf("%s: %d", name, of[name]))
	}
	return strings.Join(words, ", ")
}

func (c *Cleanup) troubles() []string {
	if c.Complete() {
		return nil // of tries that others made good nothing need be said
	}
	left := fmt.Sprint(c.LeftARQs)
	if c.LeftARQs < 0 {
		left = "an unknown number of"
	}
	return append([]string{
		fmt.Sprintf("NOT cleaned up: %s ARQs, device profiles %q; arqd bench clean tries again", left, c.LeftProfiles),
	}, c.Errors...)
}

// Compare writes the rows of several runs side by side, with the ratios to the
// first, for a terminal of so many columns; 0: as wide as need be.
func Compare(w io.Writer, files []*File, width int) error {
	lines := Lines(files)
	grid := newGrid(compared, len(lines)*len(files))
	fmt.Fprintln(w)
	for l, line := range lines {
		for i := range line.Rows {
			r, at := &line.Rows[i], 1+l*len(files)+i
			cells := []string{line.Phase, line.Operation, files[i].Label}
			for _, pick := range figures {
				cells = append(cells, number(pick(r)), ratio(pick(r), pick(&line.Rows[0]), i))
			}
			for j, text := range append(cells, fmt.Sprint(r.Bad)) {
				grid.cells[j][at] = text
			}
		}
	}
	return grid.print(w, width)
}

// compared are the columns of a comparison.
var compared = []column{
	{head: "phase", weight: 1},
	{head: "call"},
	{head: "run"},
	{head: "per s"},
	{},
	{head: "p50 ms", weight: 4},
	{weight: 4},
	{head: "p99 ms"},
	{},
	{head: "server us", weight: 2},
	{weight: 2},
	{head: "bad", weight: 3},
}

// figures are what is compared.
var figures = []func(*Row) float64{
	func(r *Row) float64 { return r.Rate },
	func(r *Row) float64 { return r.Latency.P50 },
	func(r *Row) float64 { return r.Latency.P99 },
	func(r *Row) float64 { return r.ServerCPU },
}

func ratio(v, first float64, i int) string {
	if i == 0 || v == 0 || first == 0 {
		return ""
	}
	return fmt.Sprintf("x%.2f", v/first)
}

// Line is the same operation in several runs; a run that lacks it has an empty
// row.
type Line struct {
	Phase, Operation string
	Rows             []Row
}

// Lines pairs the rows of runs, in the order of their first appearance.
func Lines(files []*File) []Line {
	var lines []Line
	for i, f := range files {
		for _, row := range f.Rows() {
			at := slices.IndexFunc(lines, func(l Line) bool { return l.Phase == row.Phase && l.Operation == row.Operation })
			if at < 0 {
				lines = append(lines, Line{row.Phase, row.Operation, make([]Row, len(files))})
				at = len(lines) - 1
			}
			lines[at].Rows[i] = row
		}
	}
	return lines
}
