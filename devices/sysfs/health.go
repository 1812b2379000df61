package sysfs

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/arqd/arqd/devices"
)

// Health describes a function: whether it is there, whether it answers, what
// errors it has counted, and whether its link is all it could be.
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
		h.State = devices.HealthGone
		h.Reasons = append(h.Reasons, "the function has dropped off the bus: its registers read as ones")
		return h, nil
	}
	for _, severity := range []struct {
		name  string
		state devices.HealthState
	}{{"fatal", devices.HealthFailed}, {"nonfatal", devices.HealthDegraded}} {
		if n := f.errorCount(severity.name); n > 0 {
			h.State = worse(h.State, severity.state)
			h.Reasons = append(h.Reasons, fmt.Sprintf("%d %s PCIe errors since it was started", n, severity.name))
		}
	}
	if now, could := f.link("current"), f.link("max"); now.Width > 0 && now.Width < could.Width {
		h.State = worse(h.State, devices.HealthDegraded)
		h.Reasons = append(h.Reasons, fmt.Sprintf("the link is %s and could be %s", now, could))
	}
	return h, nil
}

// answers looks at the vendor in the function's registers. sysfs itself
// remembers the vendor of a function that is gone.
func (f *Function) answers() bool {
	text, err := f.bus.readSome(f.Path("config"), 2)
	return err != nil || text != "\xff\xff"
}

// errorCount is the kernel's total of one severity; 0 where it does not count.
func (f *Function) errorCount(severity string) int {
	text, err := f.Read("aer_dev_" + severity)
	if err != nil {
		return 0
	}
	return parseAER(text, "TOTAL_ERR_"+strings.ToUpper(severity))
}

// parseAER finds a counter in lines of "NAME count".
func parseAER(text, name string) int {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == name {
			n, err := strconv.Atoi(fields[1])
			if err == nil && n > 0 {
				return n
			}
		}
	}
	return 0
}

var severity = map[devices.HealthState]int{
	devices.HealthOK: 0, devices.HealthDegraded: 1, devices.HealthFailed: 2, devices.HealthGone: 3,
}

func worse(a, b devices.HealthState) devices.HealthState {
	if severity[b] > severity[a] {
		return b
	}
	return a
}
