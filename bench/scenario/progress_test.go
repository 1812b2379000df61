package scenario

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/arqd/arqd/bench/measure"
)

// TestProgress is a bar that is drawn anew where there is a terminal, and whole
// lines elsewhere. What went wrong shows at once.
func TestProgress(t *testing.T) {
	for name, c := range map[string]struct {
		columns int // of the terminal; 0: there is none
		lines   int
		want    string
	}{
		"terminal": {120, 1, "\r\x1b[K[######################........] create: 10.0 s, 3 calls, 0 a second, 1 of them BAD"},
		"narrow":   {80, 1, "\r\x1b[K[###################.......] create: 10.0 s, 3 calls, 0 a second, 1 of them BAD\n"},
		"narrower": {40, 1, "\r\x1b[Kcreate: 10.0 s, 3 calls, 0 a second, 1 \n"},
		"file":     {0, 3, "create: 10.0 s, 3 calls, 0 a second, 1 of them BAD\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := &Progress{W: &out}
				if c.columns > 0 {
					p.Columns = func() int { return c.columns }
				}
				p.begin("create", measure.Plan{Duration: 20 * time.Second, Count: 100})
				rec := measure.NewRecorder()
				stop := p.follow(rec)
				rec.Add("create", "201", true, 1, 1)
				rec.Add("create", "201", true, 1, 1)
				rec.Add("create", "503", false, 1, 1)
				for range 75 { // each of so many calls
					rec.Over()
				}
				<-time.After(10 * time.Second)
				synctest.Wait()
				stop()
				if got := out.String(); strings.Count(got, "\n") != c.lines || !strings.Contains(got, c.want) {
					t.Errorf("%q, want %d lines with %q", got, c.lines, c.want)
				}
			})
		})
	}
	var none *Progress // says nothing, and does no harm
	none.begin("x", measure.Plan{})
	none.follow(nil)()
}
