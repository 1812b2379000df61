package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print writes a run as tables for a terminal.
func (f *File) Print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s of %s: %s\n", f.Scenario, f.URL, f.loop())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "phase\tcall\tgood\tbad\tper s\t[least\tmost]\tARQs/s\tp50 ms\tp90 ms\tp99 ms\tp99.9 ms\tmax ms\tserver us\tclient us\tRSS MiB\t\n")
	for _, r := range f.Rows() {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t[%s\t%s]\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n",
			r.Phase, r.Operation, r.Good, r.Bad, number(r.Rate), number(r.Least), number(r.Most), number(r.Things),
			number(r.Latency.P50), number(r.Latency.P90), number(r.Latency.P99), number(r.Latency.P999), number(r.Latency.Max),
			number(r.ServerCPU), number(r.ClientCPU), number(r.RSSPeak))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, line := range f.remarks() {
		fmt.Fprintln(w, line)
	}
	return nil
}

func (f *File) loop() string {
	kind := "closed loop"
	if f.Settings.Rate > 0 {
		kind = fmt.Sprintf("open loop, %g a second", f.Settings.Rate)
	}
	return fmt.Sprintf("%s, at most %d calls at a time, medians of %d repetitions", kind, f.Settings.Concurrency, f.Settings.Repeat)
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

// remarks are what is to be known beside the figures: errors first.
func (f *File) remarks() []string {
	lines := slices.Clone(f.Notes)
	for _, r := range f.Rows() {
		if r.Bad > 0 {
			lines = append(lines, fmt.Sprintf("%s, %s: %s", r.Phase, r.Operation, outcomes(r.Outcomes)))
		}
	}
	for i := range f.Phases {
		lines = append(lines, f.Phases[i].remarks()...)
	}
	if f.Interrupted {
		lines = append(lines, "it was interrupted: the figures are those of what was done")
	}
	return append(lines, f.Cleanup.lines()...)
}

func (p *Phase) remarks() (lines []string) {
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
	if s := p.Steadiness(); s > 0 {
		lines = append(lines, fmt.Sprintf("%s: the last tenth went at %.0f %% of the rate of the first", p.Name, s*100))
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

func (c *Cleanup) lines() []string {
	if c.Kept {
		return []string{"what was made was kept: arqd bench clean removes it"}
	}
	lines := []string{fmt.Sprintf("cleaned up: %d ARQs, %d device profiles", c.DeletedARQs, c.DeletedProfiles)}
	if !c.Complete() {
		left := fmt.Sprint(c.LeftARQs)
		if c.LeftARQs < 0 {
			left = "an unknown number of"
		}
		lines = append(lines, fmt.Sprintf("NOT cleaned up: %s ARQs, device profiles %q; arqd bench clean tries again", left, c.LeftProfiles))
	}
	return append(lines, c.Errors...)
}

// Compare writes the rows of several runs side by side, with the ratios to the
// first.
func Compare(w io.Writer, files []*File) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\nphase\tcall\trun\tper s\t\tp50 ms\t\tp99 ms\t\tserver us\t\tbad\t\n")
	for _, line := range Lines(files) {
		for i := range line.Rows {
			r := &line.Rows[i]
			fmt.Fprintf(t, "%s\t%s\t%s\t", line.Phase, line.Operation, files[i].Label)
			for _, pick := range figures {
				fmt.Fprintf(t, "%s\t%s\t", number(pick(r)), ratio(pick(r), pick(&line.Rows[0]), i))
			}
			fmt.Fprintf(t, "%d\t\n", r.Bad)
		}
	}
	return t.Flush()
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
