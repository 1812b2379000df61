package bench

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	half := func(round map[string]Sample) float64 { return round["a"].Rate / round["b"].Rate }
	r := Report{
		Title: "here", Machine: "on this",
		Ratios: []Ratio{
			{Name: "a / b", Of: half, Percent: true},
			{Name: "not measured", Of: func(round map[string]Sample) float64 { return round["c"].Rate / round["d"].Rate }},
		},
		Goals: []Goal{
			{Key: "half", Name: "a / b", Unit: Percent, Least: 0.4, Reach: 0.6, Of: half, CPU: []string{"a", "b"}},
			{Key: "less", Name: "b less", Least: 0.5, Reach: 0.5, Lower: true, Of: half},
			{Key: "heap", Name: "heap", Unit: Bytes, Least: 500, Reach: 350, Lower: true},
			{Key: "list", Name: "list", Unit: Mebibytes, Least: 8 << 20, Reach: 2 << 20, Lower: true},
		},
	}
	for i, rate := range []float64{300, 100, 200} {
		r.Add(i, "a", Sample{Rate: rate, CPU: 10, P50: 0.5, P99: 2})
		r.Add(i, "b", Sample{Rate: 400, Batch: 8})
	}
	r.AddFigure(Figure{Name: "goroutines", Value: 1})
	r.AddFigure(Figure{Name: "goroutines", Value: 40, Unit: "of them"})
	r.AddGoal("heap", 520.4, "many stored")
	var out strings.Builder
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	want := `
here
medians of 3 interleaved rounds

line  per second  [least  most]  CPU us/op  client us/op  p50 ms  p99 ms  per commit  
a     200         [100    300]   10.0       -             0.50    2.00    -           
b     400         [400    400]   -          -             -       -       8.0         

ratio  median  [least  most]  
a / b  50 %    [25 %   75 %]  

figure      value       
goroutines  40 of them  

what    measured  [least  most]   goal        reach for                CPU us/op
a / b   50 %      [25 %   75 %]   >= 40 %     60 %       PASS          a 10.0, b -
b less  0.50x     [0.25x  0.75x]  <= 0.50x    0.50x      PASS+         
heap    520 B     [520 B  520 B]  <= 500 B    350 B      short         many stored
list    -                         <= 8.0 MiB  2.0 MiB    not measured  

2 of 4 rows pass, 1 of them with what is reached for (PASS+).
on this
`
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", out.String(), want)
	}
}

func TestReportOfNothing(t *testing.T) {
	var out strings.Builder
	if err := newTable().Print(&out); err != nil || out.Len() > 0 {
		t.Errorf("%q (%v), want nothing", out.String(), err)
	}
}
