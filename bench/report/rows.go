package report

import (
	"slices"
)

// Row is one operation of a phase, medians of the repetitions. A zero member
// was not measured.
type Row struct {
	Phase, Operation string
	Main             bool // the operation that gives the phase its name, or its only one
	Rate             float64
	Least, Most      float64 // rates
	Things           float64 // ARQs a second
	Latency          Latency
	ServerCPU        float64 // us for each good call of the phase's main operation
	ClientCPU        float64
	RSSPeak          float64 // MiB
	Good, Bad        int64   // in all repetitions
	Outcomes         map[string]int64
}

// Rows gives the rows of a run, in the order of the phases.
func (f *File) Rows() []Row {
	var rows []Row
	for i := range f.Phases {
		rows = append(rows, f.Phases[i].rows()...)
	}
	return rows
}

// Barren gives the name of a phase in which calls were made and none of its main
// operation was good; "": there is none.
func (f *File) Barren() string {
	for _, r := range f.Rows() {
		if r.Main && r.Good == 0 && r.Bad > 0 {
			return r.Phase
		}
	}
	return ""
}

// Operations gives the names of what was called, the main operation first.
func (p *Phase) Operations() []string {
	var names []string
	for i := range p.Repetitions {
		for j := range p.Repetitions[i].Operations {
			if name := p.Repetitions[i].Operations[j].Name; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if at := slices.Index(names, p.Name); at > 0 {
		names = slices.Insert(slices.Delete(names, at, at+1), 0, p.Name)
	}
	return names
}

func (p *Phase) rows() []Row {
	var rows []Row
	for i, name := range p.Operations() {
		rows = append(rows, p.row(name, i == 0))
	}
	return rows
}

func (p *Phase) row(name string, main bool) Row {
	row := Row{Phase: p.Name, Operation: name, Main: main, Outcomes: map[string]int64{}}
	var rates, things, server, client, rss []float64
	var latencies []Latency
	for i := range p.Repetitions {
		r := &p.Repetitions[i]
		at := slices.IndexFunc(r.Operations, func(o Operation) bool { return o.Name == name })
		if at < 0 || r.Seconds == 0 {
			continue
		}
		op := &r.Operations[at]
		row.Good += op.Good
		row.Bad += op.Bad()
		for outcome, n := range op.Outcomes {
			row.Outcomes[outcome] += n
		}
		rates = append(rates, float64(op.Good)/r.Seconds)
		things = append(things, float64(op.Things)/r.Seconds)
		if op.Good == 0 {
			continue
		}
		latencies = append(latencies, op.Latency)
		client = append(client, r.Client.CPUSeconds*1e6/float64(op.Good))
		if r.Server != nil {
			server = append(server, r.Server.CPUSeconds*1e6/float64(op.Good))
			rss = append(rss, float64(r.Server.RSSPeak)/(1<<20))
		}
	}
	row.Rate, row.Things = Median(rates), Median(things)
	if len(rates) > 0 {
		row.Least, row.Most = slices.Min(rates), slices.Max(rates)
	}
	row.Latency = medians(latencies)
	if main { // of the others the processor time is not known
		row.ServerCPU, row.ClientCPU, row.RSSPeak = Median(server), Median(client), Median(rss)
	}
	return row
}

func medians(all []Latency) Latency {
	of := func(pick func(*Latency) float64) float64 {
		values := make([]float64, len(all))
		for i := range all {
			values[i] = pick(&all[i])
		}
		return Median(values)
	}
	return Latency{
		Min:  of(func(l *Latency) float64 { return l.Min }),
		Mean: of(func(l *Latency) float64 { return l.Mean }),
		P50:  of(func(l *Latency) float64 { return l.P50 }),
		P90:  of(func(l *Latency) float64 { return l.P90 }),
		P99:  of(func(l *Latency) float64 { return l.P99 }),
		P999: of(func(l *Latency) float64 { return l.P999 }),
		Max:  of(func(l *Latency) float64 { return l.Max }),
	}
}

// Median gives the middle of values, 0 where there are none.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// callsOfTenth is how many calls of each worker a tenth has at least: the first
// ones have not one answered until all have been sent.
const callsOfTenth = 10

// Steadiness gives the rate of the last tenth over that of the first, the
// median of the repetitions; 0: it was not measured.
func (p *Phase) Steadiness() float64 {
	var ratios []float64
	for i := range p.Repetitions {
		r := &p.Repetitions[i]
		at := slices.IndexFunc(r.Operations, func(o Operation) bool { return o.Name == p.Name })
		if at < 0 || r.Operations[at].Good < int64(10*callsOfTenth*p.Workers) {
			continue
		}
		if t := r.Tenths; len(t) == 10 && t[9] > t[8] {
			ratios = append(ratios, t[0]/(t[9]-t[8]))
		}
	}
	return Median(ratios)
}
