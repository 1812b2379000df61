package bench

import "runtime"

// newTable makes the report with the ratios that the service is held to.
func newTable() *Report {
	rate := func(line, floor string) func(map[string]Sample) float64 {
		return func(round map[string]Sample) float64 { return round[line].Rate / round[floor].Rate }
	}
	cpu := func(line string, floors ...string) func(map[string]Sample) float64 {
		return func(round map[string]Sample) float64 {
			sum := 0.0
			for _, floor := range floors {
				if round[floor].CPU == 0 {
					return 0 // not measured
				}
				sum += round[floor].CPU
			}
			return round[line].CPU / sum
		}
	}
	// What the machine has room for, if a create cost no more than its floors
	// and the client that shares the processors: this or the rate of the
	// floor's commits, whichever is less.
	attainable := func(create, echo, commit string) func(map[string]Sample) float64 {
		return func(round map[string]Sample) float64 {
			cost := round[create].ClientCPU + round[echo].CPU + round[commit].CPU
			room := float64(runtime.GOMAXPROCS(0)) * 1e6 / cost
			return round[create].Rate / min(round[commit].Rate, room)
		}
	}
	return &Report{Ratios: []Ratio{
		{Name: "create / commit, 64 connections, rate", Of: rate("create/64", "commit/64"), Goal: 0.60, Percent: true},
		{Name: "create / commit, 256 connections, rate", Of: rate("create/256", "commit/256"), Goal: 0.25, Percent: true},
		{Name: "create / attainable, 64 connections, rate", Of: attainable("create/64", "echo-create/64", "commit/64"), Percent: true},
		{Name: "create / attainable, 256 connections, rate", Of: attainable("create/256", "echo-create/256", "commit/256"), Percent: true},
		{Name: "show / echo, 64 connections, rate", Of: rate("show/64", "echo-show/64"), Goal: 0.85, Percent: true},
		{Name: "show / echo, 64 connections, CPU", Of: cpu("show/64", "echo-show/64"), Goal: 1.15, Lower: true},
		{
			Name: "create / (echo + commit), 64 connections, CPU", Goal: 2, Lower: true,
			Of: cpu("create/64", "echo-create/64", "commit/64"),
		},
		{
			Name: "create / (echo + commit), 256 connections, CPU", Goal: 2, Lower: true,
			Of: cpu("create/256", "echo-create/256", "commit/256"),
		},
		{Name: "store / commit, 64 writers, rate", Of: rate("store/64", "commit/64"), Percent: true},
		{Name: "store / commit, 256 writers, rate", Of: rate("store/256", "commit/256"), Percent: true},
	}}
}
