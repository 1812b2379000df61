package actors

import (
	"testing"
	"time"

	"github.com/arqd/arqd/devices"
)

// A command has the time that its bind has, whatever the clock is set to before its agent
// fetches it.
func TestACommandHasItsTimeByNoClock(t *testing.T) {
	withAgent(t, func(w *world, _ *scripted, d *Device) {
		p := &deviceProposal{commands: []devices.Command{d.command(devices.CreateMdev, d.Deployables[0])}}
		newDeviceActor(w.sys, d, nil).recordCommands(p)
		rec := p.records[0]
		<-time.After(20 * time.Second)
		for _, step := range []time.Duration{24 * time.Hour, -48 * time.Hour} {
			rec.Deadline -= step.Milliseconds() // as late as it is by a clock that was set
			if left, limited := w.sys.left(rec); left != 40*time.Second || !limited {
				t.Errorf("the clock was set by %v: %v is left", step, left)
			}
		}
	})
}
