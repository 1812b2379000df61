package bench

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	half := func(round map[string]Sample) float64 { return round["a"].Rate / round["b"].Rate }
	r := Report{Title: "here", Ratios: []Ratio{
		{Name: "a / b", Of: half, Goal: 0.5, Percent: true},
		{Name: "b less", Of: half, Goal: 0.4, Lower: true},
		{Name: "for information", Of: half},
		{Name: "not measured", Of: func(round map[string]Sample) float64 { return round["c"].Rate / round["d"].Rate }},
	}}
	for i, rate := range []float64{300, 100, 200} {
		r.Add(i, "a", Sample{Rate: rate, CPU: 10, P50: 0.5, P99: 2})
		r.Add(i, "b", Sample{Rate: 400, Batch: 8})
	}
	r.AddFigure(Figure{Name: "heap", Value: 1, Unit: "B"})
	r.AddFigure(Figure{Name: "heap", Value: 480.4, Unit: "B", Goal: 500})
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

ratio            median  [least  most]  goal     
a / b            50 %    [25 %   75 %]  >= 50 %  reached
b less           0.50    [0.25   0.75]  <= 0.40  MISSED
for information  0.50    [0.25   0.75]           

figure  value    goal      
heap    480.4 B  <= 500 B  reached
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
