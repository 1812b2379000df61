package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/arqd/arqd/bench/report"
)

// Sample is one repetition of a line of the report. A zero member was not
// measured.
type Sample struct {
	Rate      float64 // operations per second
	CPU       float64 // us of the measured process for each operation
	ClientCPU float64 // us of the load generator for each operation
	P50, P99  float64 // ms
	Batch     float64 // operations per commit
}

// Ratio compares lines within each round; the report shows the median.
type Ratio struct {
	Name    string
	Of      func(round map[string]Sample) float64
	Goal    float64 // 0: none
	Lower   bool    // the goal is the most, not the least
	Percent bool
}

// Figure is a number that is measured once.
type Figure struct {
	Name  string
	Value float64
	Unit  string
	Goal  float64 // the most; 0: none
}

// Report collects what was measured, round by round.
type Report struct {
	Title   string
	Ratios  []Ratio
	lines   []string
	rounds  []map[string]Sample
	figures []Figure
}

// Add enters the sample of a line in a round, counted from 0.
func (r *Report) Add(round int, line string, s Sample) {
	for len(r.rounds) <= round {
		r.rounds = append(r.rounds, map[string]Sample{})
	}
	if !slices.Contains(r.lines, line) {
		r.lines = append(r.lines, line)
	}
	r.rounds[round][line] = s
}

// AddFigure enters a number that is measured once; a later one of the same
// name replaces it.
func (r *Report) AddFigure(f Figure) {
	r.figures = slices.DeleteFunc(r.figures, func(old Figure) bool { return old.Name == f.Name })
	r.figures = append(r.figures, f)
}

// Print writes the report, nothing at all if nothing was measured.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.rounds) > 0 {
		fmt.Fprintf(t, "\n%s\nmedians of %d interleaved rounds\n\n", r.Title, len(r.rounds))
		r.printLines(t)
		r.printRatios(t)
	}
	if len(r.figures) > 0 {
		fmt.Fprint(t, "\nfigure\tvalue\tgoal\t\n")
	}
	for _, f := range r.figures {
		fmt.Fprintf(t, "%s\t%.4g %s\t", f.Name, f.Value, f.Unit)
		if f.Goal > 0 {
			fmt.Fprintf(t, "<= %g %s\t%s", f.Goal, f.Unit, verdict(f.Value <= f.Goal))
		}
		fmt.Fprint(t, "\n")
	}
	return t.Flush()
}

func (r *Report) printLines(w io.Writer) {
	fmt.Fprint(w, "line\tper second\t[least\tmost]\tCPU us/op\tclient us/op\tp50 ms\tp99 ms\tper commit\t\n")
	for _, line := range r.lines {
		column := func(pick func(Sample) float64) []float64 {
			return r.collect(func(round map[string]Sample) float64 { return pick(round[line]) })
		}
		rates := column(func(s Sample) float64 { return s.Rate })
		if len(rates) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\t%.0f\t[%.0f\t%.0f]\t%s\t%s\t%s\t%s\t%s\t\n", line, report.Median(rates), rates[0], rates[len(rates)-1],
			cell("%.1f", column(func(s Sample) float64 { return s.CPU })),
			cell("%.1f", column(func(s Sample) float64 { return s.ClientCPU })),
			cell("%.2f", column(func(s Sample) float64 { return s.P50 })),
			cell("%.2f", column(func(s Sample) float64 { return s.P99 })),
			cell("%.1f", column(func(s Sample) float64 { return s.Batch })))
	}
}

func (r *Report) printRatios(w io.Writer) {
	header := "\nratio\tmedian\t[least\tmost]\tgoal\t\n"
	for i := range r.Ratios {
		ratio := &r.Ratios[i]
		values := r.collect(ratio.Of)
		if len(values) == 0 {
			continue
		}
		m := report.Median(values)
		fmt.Fprintf(w, "%s%s\t%s\t[%s\t%s]\t%s\n", header, ratio.Name,
			ratio.format(m), ratio.format(values[0]), ratio.format(values[len(values)-1]), ratio.judge(m))
		header = ""
	}
}

func (r *Ratio) format(v float64) string {
	if r.Percent {
		return fmt.Sprintf("%.0f %%", v*100)
	}
	return fmt.Sprintf("%.2f", v)
}

func (r *Ratio) judge(v float64) string {
	switch {
	case r.Goal == 0:
		return "\t"
	case r.Lower:
		return "<= " + r.format(r.Goal) + "\t" + verdict(v <= r.Goal)
	}
	return ">= " + r.format(r.Goal) + "\t" + verdict(v >= r.Goal)
}

// collect gives a value of each round, sorted, without those that could not be
// computed because a line is missing.
func (r *Report) collect(pick func(map[string]Sample) float64) []float64 {
	var values []float64
	for _, round := range r.rounds {
		if v := pick(round); v != 0 && !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

func cell(form string, sorted []float64) string {
	if len(sorted) == 0 {
		return "-"
	}
	return fmt.Sprintf(form, report.Median(sorted))
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "MISSED"
}
