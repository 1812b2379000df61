package scenario

import (
	"fmt"
	"slices"

	"github.com/arqd/arqd/bench/report"
)

// capacity is the name of the phase that finds out how much can be done.
const capacity = "capacity"

// loads are the percentages of the capacity that are tried.
var loads = []float64{70, 100, 200, 300}

const (
	// MostOverload bounds the connections of an overload: requests that wait have
	// one each.
	MostOverload = 4096
	// backlog is for how many seconds a service may let requests wait without the
	// load running out of connections.
	backlog = 2
	// lookers is how many reads a second there are beside the creates.
	lookers = 20
)

// overload measures how much can be done, and then sends so much and more, whatever
// becomes of it, with a few reads beside.
func (r *run) overload() ([]stage, error) {
	s := &stock{}
	first, err := r.creating(capacity, r.ARQs, false)
	if err != nil {
		return nil, err
	}
	first.plan.Rate, first.plan.Ramp = 0, 0
	if s.ids, err = r.bulk(1); err != nil {
		return nil, err
	}
	stages := []stage{{phases: []phase{first}}}
	for _, percent := range loads {
		name := fmt.Sprintf("at %g %%", percent)
		p, err := r.creating(name, r.ARQs, false)
		if err != nil {
			return nil, err
		}
		stages = append(stages, stage{phases: []phase{p}, prepare: func(p *phase) {
			p.plan.Rate, p.plan.Ramp = max(1, r.rateOf(capacity)*percent/100), 0
			p.plan.Workers = min(max(r.Concurrency, int(backlog*p.plan.Rate)), MostOverload)
			p.beside = &phase{name: "show, " + name, step: r.shows("show, "+name, s)}
			p.beside.plan = p.plan
			p.beside.plan.Rate, p.beside.plan.Workers, p.beside.plan.Count = lookers, lookers, 0
		}})
	}
	r.finally = r.concludeOverload
	return stages, nil
}

// rateOf gives the good calls a second of a phase.
func (r *run) rateOf(phase string) float64 {
	row := r.mainRow(phase)
	return row.Rate
}

func (r *run) mainRow(phase string) report.Row {
	rows := r.file.Rows()
	at := slices.IndexFunc(rows, func(row report.Row) bool { return row.Phase == phase && row.Main })
	if at < 0 {
		return report.Row{}
	}
	return rows[at]
}

// concludeOverload says in words what the figures are taken for.
func (r *run) concludeOverload() {
	most := r.mainRow(capacity)
	if most.Rate == 0 {
		return
	}
	for _, percent := range loads {
		row := r.mainRow(fmt.Sprintf("at %g %%", percent))
		if row.Good == 0 {
			continue
		}
		r.note("at %g %% of capacity: %.0f %% of what can be done was done; 99 of 100 of that within %.0f ms (%.0f at capacity, closed loop); refused with 503: %d",
			percent, 100*row.Rate/most.Rate, row.Latency.P99, most.Latency.P99, row.Outcomes["503"])
	}
}
