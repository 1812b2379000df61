package report

// barChart is one figure of a phase in several runs.
type barChart struct {
	Title, Unit string
	Bars        []bar
}

type bar struct {
	Run            int // counted from 0
	Label          string
	Value          float64
	Width          float64 // of 100
	Ratio, Verdict string  // to the first run
}

// compareMain gives the bars of the operation that gives a phase its name: of its
// rate and of its latencies.
func compareMain(files []*File, l *Line) []barChart {
	var charts []barChart
	for _, figure := range []struct {
		title, unit string
		pick        func(*Row) float64
		verdict     func(v, first float64) string
	}{
		{l.Phase, "calls a second", func(r *Row) float64 { return r.Rate }, more},
		{l.Phase, "ms, 99 of 100 are quicker", func(r *Row) float64 { return r.Latency.P99 }, less},
	} {
		c, most := barChart{Title: figure.title, Unit: figure.unit}, 0.0
		for i := range l.Rows {
			most = max(most, figure.pick(&l.Rows[i]))
		}
		first := figure.pick(&l.Rows[0])
		for i := range l.Rows {
			v := figure.pick(&l.Rows[i])
			if v == 0 || files[i] == nil {
				continue
			}
			c.Bars = append(c.Bars, bar{
				Run: i, Label: files[i].Label, Value: v, Width: 100 * v / most, Ratio: ratio(v, first, i), Verdict: figure.verdict(v, first),
			})
		}
		if len(c.Bars) > 1 {
			charts = append(charts, c)
		}
	}
	return charts
}

// margin is within what a difference says nothing.
const margin = 0.03

// more is the verdict on a figure that had better be high.
func more(v, first float64) string {
	switch {
	case v == 0 || first == 0:
		return ""
	case v > first*(1+margin):
		return "better"
	case v < first*(1-margin):
		return "worse"
	}
	return ""
}

// less is the verdict on a figure that had better be low.
func less(v, first float64) string { return more(first, v) }
