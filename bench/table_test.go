package bench

import "runtime"

// newTable makes the report with the rows that the service is held to.
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
	inverse := func(of func(map[string]Sample) float64) func(map[string]Sample) float64 {
		return func(round map[string]Sample) float64 { return 1 / of(round) }
	}
	p99 := func(line, floor string) func(map[string]Sample) float64 {
		return func(round map[string]Sample) float64 { return round[line].P99 / round[floor].P99 }
	}
	return &Report{
		Ratios: []Ratio{
			{Name: "create / attainable, 64 connections, rate", Of: attainable("create/64", "echo-create/64", "commit/64"), Percent: true},
			{Name: "create / attainable, 256 connections, rate", Of: attainable("create/256", "echo-create/256", "commit/256"), Percent: true},
			{Name: "create / (echo + commit), 256 connections, CPU", Of: cpu("create/256", "echo-create/256", "commit/256")},
			{Name: "show / echo, 64 connections, CPU", Of: cpu("show/64", "echo-show/64")},
			{Name: "store / commit, 64 writers, rate", Of: rate("store/64", "commit/64"), Percent: true},
			{Name: "store / commit, 256 writers, rate", Of: rate("store/256", "commit/256"), Percent: true},
		},
		Goals: []Goal{
			{
				Key: "create64", Name: "durable create / raw Badger group commit, 64 connections, rate", Unit: Percent, Least: 0.60, Reach: 0.80,
				Of: rate("create/64", "commit/64"), CPU: []string{"create/64", "commit/64"},
			},
			{
				Key: "create256", Name: "durable create / raw Badger group commit, 256 connections, rate", Unit: Percent, Least: 0.25, Reach: 0.35,
				Of: rate("create/256", "commit/256"), CPU: []string{"create/256", "commit/256"},
			},
			{
				Key: "create8", Name: "durable create, 8 ARQs a request / 1, ARQs a second", Unit: Times, Least: 3, Reach: 5,
				Of: rate("create8/64", "create/64"), CPU: []string{"create8/64", "create/64"},
			},
			{
				Key: "createcpu", Name: "durable create / (echo + raw commit), CPU", Unit: Times, Least: 2, Reach: 1.4, Lower: true,
				Of: cpu("create/64", "echo-create/64", "commit/64"), CPU: []string{"create/64", "echo-create/64", "commit/64"},
			},
			{
				Key: "show", Name: "GET one / echo, rate", Unit: Percent, Least: 0.85, Reach: 0.95,
				Of: rate("show/64", "echo-show/64"), CPU: []string{"show/64", "echo-show/64"},
			},
			{
				Key: "showp99", Name: "GET p99 with creates at 70 % / echo under that load", Unit: Times, Least: 5, Reach: 3, Lower: true,
				Of: p99("show+create", "echo-show+create"), CPU: []string{"show+create", "echo-show+create"},
			},
			{
				Key: "bind", Name: "bind to Bound, event handed over / durable create, CPU", Unit: Times, Least: 2.5, Reach: 1.5, Lower: true,
				Of: cpu("bind/64", "create/64"), CPU: []string{"bind/64", "create/64"},
			},
			{
				Key: "boot", Name: "boots / durable creates, a second, 64 clients", Unit: Times, Least: 1. / 5, Reach: 1. / 3.5,
				Of: rate("boot/64", "create/64"), CPU: []string{"boot/64", "create/64"},
			},
			{
				Key: "instance", Name: "?instance= with 1,000,000 stored / with 1,000, time", Unit: Times, Least: 1.2, Reach: 1.05, Lower: true,
				Of: inverse(rate(instanceMany, instanceFew)), CPU: []string{instanceMany, instanceFew},
			},
			{
				Key: "page", Name: "page of 1,000 / GET one, CPU", Unit: Times, Least: 16, Reach: 10, Lower: true,
				Of: cpu("list-1000/16", "show/64"), CPU: []string{"list-1000/16", "show/64"},
			},
			{Key: "list", Name: "full list of 100,000, peak extra memory", Unit: Mebibytes, Least: 8 << 20, Reach: 2 << 20, Lower: true},
			{Key: "heap", Name: "heap per stored ARQ, without Badger's", Unit: Bytes, Least: 500, Reach: 350, Lower: true},
			{Key: "restart", Name: "restart after kill -9 / bare open and iterate, time", Unit: Times, Least: 2, Reach: 1.3, Lower: true},
			{Key: "bulk", Name: "1,000,000 in bulk, last tenth / first tenth, rate", Unit: Percent, Least: 0.80, Reach: 0.95},
		},
	}
}
