package scenario

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/arqd/arqd/bench/measure"
)

const (
	redraw   = 200 * time.Millisecond
	lineTime = 5 * time.Second

	widestBar, narrowestBar = 30, 6
)

// Progress tells how far a run is: a bar where there is a terminal, and lines
// where there is none. A nil one says nothing.
type Progress struct {
	W io.Writer
	// Columns gives the width of the terminal; nil: there is none.
	Columns func() int

	title string
	plan  measure.Plan
}

func (p *Progress) terminal() bool { return p.Columns != nil }

func (p *Progress) begin(title string, plan measure.Plan) {
	if p == nil {
		return
	}
	p.title, p.plan = title, plan
}

// follow shows what a recorder has, until stop is called.
func (p *Progress) follow(rec *measure.Recorder) (stop func()) {
	if p == nil {
		return func() {}
	}
	pause := lineTime
	if p.terminal() {
		pause = redraw
	}
	begin, end := time.Now(), make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.show(rec, time.Since(begin), false)
			case <-end:
				return
			}
		}
	})
	return func() {
		close(end)
		ended.Wait()
		p.show(rec, time.Since(begin), true)
	}
}

func (p *Progress) show(rec *measure.Recorder, elapsed time.Duration, last bool) {
	good, bad := rec.Counts()
	text := fmt.Sprintf("%s: %.1f s, %d calls", p.title, elapsed.Seconds(), good+bad)
	if elapsed >= time.Millisecond {
		text += fmt.Sprintf(", %.0f a second", float64(good+bad)/elapsed.Seconds())
	}
	if bad > 0 {
		text += fmt.Sprintf(", %d of them BAD", bad)
	}
	if !p.terminal() {
		fmt.Fprintln(p.W, text)
		return
	}
	end := ""
	if last {
		end = "\n"
	}
	fmt.Fprintf(p.W, "\r\x1b[K%s%s", p.fit(text, elapsed, rec.Iterations()), end)
}

// fit puts a bar before the text, as far as there is room: a line that is wrapped
// could not be drawn again.
func (p *Progress) fit(text string, elapsed time.Duration, iterations int64) string {
	room := p.Columns() - 1 // the last column makes some terminals wrap
	if width := min(room-len(text)-3, widestBar); width >= narrowestBar {
		return p.bar(elapsed, iterations, width) + " " + text
	}
	return text[:min(len(text), max(room, 0))]
}

// bar draws how much of the plan is over, whichever of its bounds is nearer.
func (p *Progress) bar(elapsed time.Duration, iterations int64, width int) string {
	part := 0.0
	if p.plan.Duration > 0 {
		part = elapsed.Seconds() / p.plan.Duration.Seconds()
	}
	if p.plan.Count > 0 {
		part = max(part, float64(iterations)/float64(p.plan.Count))
	}
	full := int(min(part, 1) * float64(width))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}
