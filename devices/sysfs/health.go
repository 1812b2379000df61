package sysfs

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/arqd/arqd/devices"
)

// Health describes a function: whether it is there, whether it answers, what
// errors it has counted, and whether it has all its lanes. A lower speed is no
// complaint: an idle card lowers it to save power. A card in a slot with fewer
// lanes than it has itself is degraded for as long as it sits there.
func (b *Bus) Health(ctx context.Context, a Address) (devices.Health, error) {
	if err := ctx.Err(); err != nil {
		return devices.Health{}, err
	}
	f, err := b.function(a)
	switch {
	case err != nil && isGone(err):
		return devices.Health{State: devices.HealthGone, Reasons: []string{"there is no function at " + a.String()}}, nil
	case err != nil:
		return devices.Health{}, fmt.Errorf("health of %s: %w", a, err)
	}
	h := devices.Health{State: devices.HealthOK}
	if !f.answers() {
		h.Worsen(devices.HealthGone, "the function has dropped off the bus: its registers read as ones")
		return h, nil
	}
	for counter, severity := range map[devices.ErrorCounter]string{
		devices.ErrorsFatal: "fatal", devices.ErrorsNonfatal: "nonfatal",
	} {
		if n, counted := f.errorCount(severity); counted {
			if h.Errors == nil {
				h.Errors = make(map[devices.ErrorCounter]uint64)
			}
			h.Errors[counter] = n
		}
	}
	if now, could := f.link("current"), f.link("max"); now.Width > 0 && now.Width < could.Width {
		h.Worsen(devices.HealthDegraded, fmt.Sprintf("the link has %d lanes and could have %d", now.Width, could.Width))
	}
	return h, nil
}

// answers looks at the vendor in the function's registers, where 0xffff is
// nobody. The attribute vendor is what the kernel remembers. Registers that
// cannot be read tell nothing.
func (f *Function) answers() bool {
	text, err := f.bus.readSome(f.Path("config"), 2)
	return err != nil || text != "\xff\xff"
}

// errorCount is the kernel's total of one severity, if it can be read.
func (f *Function) errorCount(severity string) (uint64, bool) {
	text, err := f.Read("aer_dev_" + severity)
	if err != nil {
		return 0, false
	}
	return parseAER(text, "TOTAL_ERR_"+strings.ToUpper(severity))
}

// parseAER finds a counter in lines of "NAME count".
func parseAER(text, name string) (uint64, bool) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == name {
			n, err := strconv.ParseUint(fields[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
