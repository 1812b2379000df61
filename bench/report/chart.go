package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// series is a line of a chart; its colour is that of its run.
type series struct {
	run    int // counted from 0
	label  string
	points []point
}

type point struct{ x, y float64 }

// axis is one of a chart, linear or logarithmic.
type axis struct {
	log   bool
	unit  func(v float64) string // writes a value; not asked where ticks is set
	ticks []tick                 // set: these and no others
}

type tick struct {
	at   float64
	text string
}

const (
	chartWidth, chartHeight      = 560, 280
	left, right, top, bottom     = 64, 18, 12, 26
	plotWidth, plotHeight        = chartWidth - left - right, chartHeight - top - bottom
	colours                  int = 6 // that the style has
)

// chart draws lines as SVG, which stands for itself.
func chart(title string, x, y axis, all []series) template.HTML {
	xs, ys := span(all, x, func(p point) float64 { return p.x }), span(all, y, func(p point) float64 { return p.y })
	if xs.empty() || ys.empty() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(title))
	for _, t := range xs.ticks(x) {
		at := left + xs.place(t.at)*plotWidth
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`,
			at, top, at, top+plotHeight, at, top+plotHeight+16, html.EscapeString(t.text))
	}
	for _, t := range ys.ticks(y) {
		at := top + (1-ys.place(t.at))*plotHeight
		fmt.Fprintf(&b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`,
			left, at, left+plotWidth, at, left-6, at+4, html.EscapeString(t.text))
	}
	for _, s := range all {
		b.WriteString(line(s, xs, ys))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // every text in it is escaped above
}

func line(s series, xs, ys scale) string {
	if len(s.points) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<polyline class="run%d" points="`, s.run%colours)
	for _, p := range s.points {
		fmt.Fprintf(&b, "%.1f,%.1f ", left+xs.place(p.x)*plotWidth, top+(1-ys.place(p.y))*plotHeight)
	}
	fmt.Fprintf(&b, `"><title>%s</title></polyline>`, html.EscapeString(s.label))
	if len(s.points) == 1 {
		p := s.points[0]
		fmt.Fprintf(&b, `<circle class="run%d" r="3" cx="%.1f" cy="%.1f"/>`, s.run%colours,
			left+xs.place(p.x)*plotWidth, top+(1-ys.place(p.y))*plotHeight)
	}
	return b.String()
}

// scale maps values to 0..1.
type scale struct {
	from, to float64
	log      bool
}

// span gives the scale that holds all values; a linear one begins at 0.
func span(all []series, a axis, pick func(point) float64) scale {
	s := scale{math.Inf(1), math.Inf(-1), a.log}
	for i := range all {
		for _, p := range all[i].points {
			s.from, s.to = min(s.from, pick(p)), max(s.to, pick(p))
		}
	}
	switch {
	case s.empty():
	case a.log:
		s.from, s.to = math.Pow(10, math.Floor(math.Log10(s.from))), math.Pow(10, math.Ceil(math.Log10(s.to)))
		if s.from == s.to {
			s.to *= 10
		}
	default:
		s.from = 0
		if s.to == 0 {
			s.to = 1
		}
	}
	return s
}

func (s scale) empty() bool { return s.from > s.to || s.log && s.from <= 0 }

func (s scale) place(v float64) float64 {
	if s.log {
		return math.Log10(v/s.from) / math.Log10(s.to/s.from)
	}
	return (v - s.from) / (s.to - s.from)
}

func (s scale) ticks(a axis) (all []tick) {
	if a.ticks != nil {
		for _, t := range a.ticks {
			if t.at >= s.from && t.at <= s.to {
				all = append(all, t)
			}
		}
		return all
	}
	if s.log {
		for v := s.from; v <= s.to*1.001; v *= 10 {
			all = append(all, tick{v, a.unit(v)})
		}
		return all
	}
	step := math.Pow(10, math.Floor(math.Log10(s.to)))
	for _, part := range []float64{5, 2} {
		if s.to/step < part {
			step /= 2
		}
	}
	for i := 0.0; i*step <= s.to*1.001; i++ {
		all = append(all, tick{i * step, a.unit(i * step)})
	}
	return all
}

// duration writes milliseconds.
func duration(ms float64) string {
	switch {
	case ms < 0.999:
		return fmt.Sprintf("%.3g us", ms*1e3)
	case ms < 999:
		return fmt.Sprintf("%.3g ms", ms)
	}
	return fmt.Sprintf("%.3g s", ms/1e3)
}

func seconds(v float64) string { return fmt.Sprintf("%g s", v) }

func thousands(v float64) string {
	if v < 1000 {
		return fmt.Sprintf("%g", v)
	}
	return fmt.Sprintf("%gk", v/1000)
}
