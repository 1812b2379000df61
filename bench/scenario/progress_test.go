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
		terminal bool
		lines    int
		want     string
	}{
		"terminal": {true, 1, "\r\x1b[K[###############...............] create: 10.0 s, 3 calls, 0 a second, 1 of them BAD"},
		"file":     {false, 3, "create: 10.0 s, 3 calls, 0 a second, 1 of them BAD\n"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := &Progress{W: &out, Terminal: c.terminal}
				p.begin("create", measure.Plan{Duration: 20 * time.Second, Count: 100})
				rec := measure.NewRecorder()
				stop := p.follow(rec)
				rec.Add("create", "201", true, 1, 1)
				rec.Add("create", "201", true, 1, 1)
				rec.Add("create", "503", false, 1, 1)
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
	none.say("x")
	none.follow(nil)()
}
