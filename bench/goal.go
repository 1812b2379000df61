package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/arqd/arqd/bench/report"
)

// Unit says how a figure is written.
type Unit int

// The units of goals.
const (
	Times   Unit = iota // 1 is as much
	Percent             // 1 is 100 %
	Bytes
	Mebibytes // of bytes
)

func (u Unit) format(v float64) string {
	switch u {
	case Times:
		return fmt.Sprintf("%.2fx", v)
	case Percent:
		return fmt.Sprintf("%.0f %%", v*100)
	case Bytes:
		return fmt.Sprintf("%.0f B", v)
	case Mebibytes:
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	}
	return fmt.Sprint(v)
}

// Goal is a row of the table that the service is held to.
type Goal struct {
	Key   string // short, for the history
	Name  string
	Unit  Unit
	Least float64 // that will do: at least, or, if less is better, at most
	Reach float64 // what is reached for
	Lower bool    // less is better

	// Of computes the row from the lines of a round; nil: its values are
	// entered with AddGoal.
	Of func(round map[string]Sample) float64
	// CPU names the lines whose processor time stands beside it.
	CPU []string

	measured []float64
	note     string // in place of the processor time of lines
}

// AddGoal enters a value of a row that does not come from lines, and what to
// say of the processor time.
func (r *Report) AddGoal(key string, value float64, note string) {
	at := slices.IndexFunc(r.Goals, func(g Goal) bool { return g.Key == key })
	if at < 0 {
		panic("no goal " + key)
	}
	r.Goals[at].measured = append(r.Goals[at].measured, value)
	r.Goals[at].note = note
}

// Verdicts of a row.
const (
	Short    = "short"
	Passed   = "PASS"
	Reached  = "PASS+"
	NotTaken = "not measured"
)

// Finding is what was found of a row.
type Finding struct {
	Key     string    `json:"key"`
	Value   float64   `json:"value"` // the median
	Values  []float64 `json:"values"`
	Verdict string    `json:"verdict"`
	CPU     string    `json:"cpu,omitempty"`
}

// Findings gives what was found of each row, in their order.
func (r *Report) Findings() []Finding {
	all := make([]Finding, len(r.Goals))
	for i := range r.Goals {
		all[i] = r.finding(&r.Goals[i])
	}
	return all
}

func (r *Report) finding(g *Goal) Finding {
	values := slices.Sorted(slices.Values(g.measured))
	if g.Of != nil {
		values = r.collect(g.Of)
	}
	if len(values) == 0 {
		return Finding{Key: g.Key, Verdict: NotTaken}
	}
	f := Finding{Key: g.Key, Value: report.Median(values), Values: values, CPU: g.note}
	if len(g.CPU) > 0 {
		f.CPU = r.processorTimes(g.CPU)
	}
	f.Verdict = g.judge(f.Value)
	return f
}

func (g *Goal) judge(v float64) string {
	reaches := func(goal float64) bool { return v == goal || v < goal == g.Lower }
	switch {
	case reaches(g.Reach):
		return Reached
	case reaches(g.Least):
		return Passed
	}
	return Short
}

// processorTimes gives the medians of lines.
func (r *Report) processorTimes(lines []string) string {
	texts := make([]string, 0, len(lines))
	for _, line := range lines {
		values := r.collect(func(round map[string]Sample) float64 { return round[line].CPU })
		texts = append(texts, line+" "+cell("%.1f", values))
	}
	return strings.Join(texts, ", ")
}

func (r *Report) printGoals(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "\nwhat\tmeasured\t[least\tmost]\tgoal\treach for\t\tCPU us/op\n")
	passed, reached := 0, 0
	for i, f := range r.Findings() {
		g := &r.Goals[i]
		sign := ">="
		if g.Lower {
			sign = "<="
		}
		measured := "-\t\t"
		if n := len(f.Values); n > 0 {
			measured = fmt.Sprintf("%s\t[%s\t%s]", g.Unit.format(f.Value), g.Unit.format(f.Values[0]), g.Unit.format(f.Values[n-1]))
		}
		fmt.Fprintf(t, "%s\t%s\t%s %s\t%s\t%s\t%s\n", g.Name, measured, sign, g.Unit.format(g.Least), g.Unit.format(g.Reach), f.Verdict, f.CPU)
		switch f.Verdict {
		case Reached:
			reached++
			passed++
		case Passed:
			passed++
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %d rows pass, %d of them with what is reached for (PASS+).\n%s\n",
		passed, len(r.Goals), reached, r.Machine)
	return err
}
