package report

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"math"
	"os"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"number": number, "outcomes": outcomes, "ratio": ratio, "colour": func(i int) int { return i % colours },
	"remarks": func(f *File) []string { return f.remarks() },
	"time":    func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
}).Parse(pageText))

// section is an operation in all runs that have it.
type section struct {
	Line

	Latency, Throughput template.HTML
}

// WriteHTML writes a page about one run, or about several side by side. It
// needs nothing but itself.
func WriteHTML(path string, files []*File) error {
	var sections []section
	for _, l := range Lines(files) {
		s, err := newSection(files, l)
		if err != nil {
			return err
		}
		sections = append(sections, s)
	}
	var b bytes.Buffer
	err := page.Execute(&b, struct {
		Files    []*File
		Sections []section
	}{files, sections})
	if err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
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
			latencies = append(latencies, series{i, points})
			rates = append(rates, p.throughput(i, l.Operation)...)
		}
	}
	s.Latency = chart("latency of "+l.Operation, axis{label: "percentile", ticks: nines()}, axis{label: "ms", log: true}, latencies)
	s.Throughput = chart("throughput of "+l.Operation, axis{label: "seconds"}, axis{label: "calls a second"}, rates)
	return s, nil
}

// nines are the marks of an axis on which each further nine is as wide.
func nines() []tick {
	all := []tick{{0, "0"}}
	for _, p := range []float64{50, 90, 99, 99.9, 99.99, 99.999} {
		all = append(all, tick{spread(p), fmt.Sprint(p)})
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
func (p *Phase) throughput(run int, operation string) (all []series) {
	for i := range p.Repetitions {
		for j := range p.Repetitions[i].Operations {
			op := &p.Repetitions[i].Operations[j]
			if op.Name != operation {
				continue
			}
			s := series{run: run}
			for second, n := range op.PerSecond[:min(len(op.PerSecond), int(p.Repetitions[i].Seconds))] {
				s.points = append(s.points, point{float64(second) + 0.5, float64(n)})
			}
			all = append(all, s)
		}
	}
	return all
}
