package report

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"math"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"number": number, "outcomes": outcomes, "ratio": ratio, "more": more, "less": less, "count": count,
	"colour":   func(i int) int { return i % colours },
	"troubles": (*File).troubles, "facts": (*File).facts, "load": (*File).loop,
	"time": func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
	"took": func(f *File) string { return f.Ended.Sub(f.Started).Round(time.Second).String() },
}).Parse(pageText))

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// view is what the page shows.
type view struct {
	Title  string // of a single scenario
	Files  []*File
	Bars   []barChart
	Phases []*phaseView
}

// phaseView is a phase in all runs that have it.
type phaseView struct {
	Name     string
	Sections []section // its main operation first
}

// Parts are the calls that its main operation is made of.
func (p *phaseView) Parts() []section { return p.Sections[1:] }

// section is an operation in all runs that have it.
type section struct {
	Line

	Latency, Throughput template.HTML
}

// WriteHTML writes a page about one run, or about several side by side. It
// needs nothing but itself. It is there as a whole or not at all.
func WriteHTML(path string, files []*File) error {
	v := view{Title: files[0].Scenario, Files: files}
	for _, f := range files {
		if f.Scenario != v.Title {
			v.Title = ""
		}
	}
	byName := map[string]*phaseView{}
	for _, l := range Lines(files) {
		s, err := newSection(files, l)
		if err != nil {
			return err
		}
		p := byName[l.Phase]
		if p == nil {
			p = &phaseView{Name: l.Phase}
			byName[l.Phase] = p
			v.Phases = append(v.Phases, p)
		}
		p.Sections = append(p.Sections, s)
	}
	for _, p := range v.Phases {
		v.Bars = append(v.Bars, compareMain(files, &p.Sections[0].Line)...)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return err
	}
	return keep(path, b.Bytes())
}

func newSection(files []*File, l Line) (section, error) {
	s := section{Line: l}
	var latencies, rates []series
	for i, f := range files {
		for j := range f.Phases {
			p := &f.Phases[j]
			if p.Name != l.Phase {
				continue
			}
			points, err := p.distribution(l.Operation)
			if err != nil {
				return s, err
			}
			latencies = append(latencies, series{i, f.Label, points})
			rates = append(rates, p.throughput(i, f.Label, l.Operation)...)
		}
	}
	s.Latency = chart("latency of "+l.Operation, axis{ticks: nines()}, axis{log: true, unit: duration}, latencies)
	s.Throughput = chart("throughput of "+l.Operation, axis{unit: seconds}, axis{unit: thousands}, rates)
	return s, nil
}

// nines are the marks of an axis on which each further nine is as wide.
func nines() []tick {
	all := []tick{{0, "min"}}
	for _, p := range []float64{50, 90, 99, 99.9, 99.99, 99.999} {
		all = append(all, tick{spread(p), fmt.Sprintf("p%v", p)})
	}
	return all
}

func spread(percentile float64) float64 { return -math.Log10(1 - percentile/100) }

// distribution gives the latencies of all repetitions by percentile.
func (p *Phase) distribution(operation string) ([]point, error) {
	h, err := p.Merged(operation)
	if err != nil || h.TotalCount() == 0 {
		return nil, err
	}
	var points []point
	most := spread(100 * (1 - 1/float64(h.TotalCount()+1))) // the slowest of so many
	for _, b := range h.CumulativeDistributionWithTicks(8) {
		points = append(points, point{min(spread(b.Quantile), most), float64(b.ValueAt) / 1e3})
	}
	return points, nil
}

// throughput gives a line for each repetition, of its whole seconds.
func (p *Phase) throughput(run int, label, operation string) (all []series) {
	for i := range p.Repetitions {
		for j := range p.Repetitions[i].Operations {
			op := &p.Repetitions[i].Operations[j]
			if op.Name != operation {
				continue
			}
			s := series{run: run, label: label}
			if len(p.Repetitions) > 1 {
				s.label = fmt.Sprintf("%s, repetition %d", label, i+1)
			}
			for second, n := range op.PerSecond[:min(len(op.PerSecond), int(p.Repetitions[i].Seconds))] {
				s.points = append(s.points, point{float64(second) + 0.5, float64(n)})
			}
			all = append(all, s)
		}
	}
	return all
}
