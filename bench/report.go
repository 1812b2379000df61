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
	Rate      float64 `json:"per_second"`             // operations
	CPU       float64 `json:"cpu_us,omitzero"`        // us of the measured process for each operation
	ClientCPU float64 `json:"client_cpu_us,omitzero"` // us of the load generator for each operation
	P50       float64 `json:"p50_ms,omitzero"`        // ms
	P99       float64 `json:"p99_ms,omitzero"`        // ms
	Batch     float64 `json:"per_commit,omitzero"`    // operations per commit
}

// Ratio compares lines within each round; the report shows the median.
type Ratio struct {
	Name    string
	Of      func(round map[string]Sample) float64
	Percent bool
}

// Figure is a number that is measured once, for information.
type Figure struct {
	Name  string
	Value float64
	Unit  string
}

// Report collects what was measured, round by round.
type Report struct {
	Title   string
	Machine string // on which
	Ratios  []Ratio
	Goals   []Goal
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
	if r.empty() {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.rounds) > 0 {
		fmt.Fprintf(t, "\n%s\nmedians of %d interleaved rounds\n\n", r.Title, len(r.rounds))
		r.printLines(t)
		r.printRatios(t)
	}
	if len(r.figures) > 0 {
		fmt.Fprint(t, "\nfigure\tvalue\t\n")
	}
	for _, f := range r.figures {
		fmt.Fprintf(t, "%s\t%.4g %s\t\n", f.Name, f.Value, f.Unit)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.printGoals(w)
}

func (r *Report) empty() bool {
	return len(r.rounds) == 0 && len(r.figures) == 0 &&
		!slices.ContainsFunc(r.Goals, func(g Goal) bool { return len(g.measured) > 0 })
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
	header := "\nratio\tmedian\t[least\tmost]\t\n"
	for i := range r.Ratios {
		ratio := &r.Ratios[i]
		values := r.collect(ratio.Of)
		if len(values) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s%s\t%s\t[%s\t%s]\t\n", header, ratio.Name,
			ratio.format(report.Median(values)), ratio.format(values[0]), ratio.format(values[len(values)-1]))
		header = ""
	}
}

func (r *Ratio) format(v float64) string {
	if r.Percent {
		return fmt.Sprintf("%.0f %%", v*100)
	}
	return fmt.Sprintf("%.2f", v)
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

// median gives the medians of a line.
func (r *Report) median(line string) Sample {
	of := func(pick func(Sample) float64) float64 {
		return report.Median(r.collect(func(round map[string]Sample) float64 { return pick(round[line]) }))
	}
	return Sample{
		Rate: of(func(s Sample) float64 { return s.Rate }), CPU: of(func(s Sample) float64 { return s.CPU }),
		ClientCPU: of(func(s Sample) float64 { return s.ClientCPU }),
		P50:       of(func(s Sample) float64 { return s.P50 }), P99: of(func(s Sample) float64 { return s.P99 }),
		Batch: of(func(s Sample) float64 { return s.Batch }),
	}
}

func cell(form string, sorted []float64) string {
	if len(sorted) == 0 {
		return "-"
	}
	return fmt.Sprintf(form, report.Median(sorted))
}
