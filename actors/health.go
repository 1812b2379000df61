package actors

import (
	"maps"
	"slices"
	"strings"

	"github.com/arqd/arqd/devices"
)

// Condition sums up the health of a device.
type Condition string

// The conditions of a device. A quarantined one takes no new bind, and the
// scheduler has all of it reserved.
const (
	Healthy     Condition = "healthy"
	Degraded    Condition = "degraded"
	Quarantined Condition = "quarantined"
)

// Conditions are all of them.
func Conditions() []Condition { return []Condition{Healthy, Degraded, Quarantined} }

// DeviceHealth is what is on record of a device's health: the worst that was
// said of late. What gets better is not on record before it has been so for
// Options.HealthHold, so that a device that flaps does not flap for others.
type DeviceHealth struct {
	Condition Condition
	Since     int64   // Unix seconds
	Agent     Finding // what the agent's examinations say
	Scan      Finding // what scans say that do not show the device
	// Load is what is not known of the images in it.
	Load Finding `json:",omitzero"`
	// Accepted are reasons of a quarantine that an operator has lifted; they
	// degrade the device.
	Accepted []string `json:",omitempty"`
	// Errors are what the device had counted when it was last judged, since the
	// start of its host that BootID names.
	Errors map[devices.ErrorCounter]uint64 `json:",omitempty"`
	BootID string                          `json:",omitempty"`
}

// Finding is the outcome of an examination; the zero value: all is well.
type Finding struct {
	State   devices.HealthState `json:",omitempty"`
	Reasons []string            `json:",omitempty"`
}

// healthSource is who says something of a device's health.
type healthSource uint8

const (
	sourceAgent healthSource = iota
	sourceScan
	healthSources
)

// findingReasons and reasonLength bound what is kept of reasons.
const findingReasons, reasonLength = 8, 255

// newFinding takes over what somebody says.
func newFinding(h devices.Health) Finding {
	f := Finding{State: h.State}
	for _, reason := range h.Reasons {
		if reason = asReason(reason); reason != "" && len(f.Reasons) < findingReasons &&
			!slices.Contains(f.Reasons, reason) {
			f.Reasons = append(f.Reasons, reason)
		}
	}
	if f.State == devices.HealthOK {
		return Finding{}
	}
	if len(f.Reasons) == 0 {
		f.Reasons = []string{"no reason was given"}
	}
	return f
}

// asReason gives what is kept of a reason.
func asReason(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), reasonLength)], "")
}

// bad tells whether it is a reason to give the device to nobody.
func (f *Finding) bad() bool { return f.State.Worse(devices.HealthDegraded) }

// adds tells whether f says something that known does not, and for which there is
// room beside what is not accepted.
func (f *Finding) adds(known *Finding, accepted []string) bool {
	if f.State.Worse(known.State) {
		return true
	}
	return slices.ContainsFunc(f.Reasons, func(r string) bool {
		return !slices.Contains(known.Reasons, r) && len(known.without(accepted, f, findingReasons-1).Reasons) < findingReasons
	})
}

// without gives it less the first reasons that are accepted and that other does not
// say, so that there are most at most.
func (f *Finding) without(accepted []string, other *Finding, most int) *Finding {
	less := Finding{State: f.State, Reasons: slices.Clone(f.Reasons)}
	for _, r := range f.Reasons {
		if len(less.Reasons) > most && slices.Contains(accepted, r) && !slices.Contains(other.Reasons, r) {
			less.Reasons = slices.DeleteFunc(less.Reasons, func(have string) bool { return have == r })
		}
	}
	return &less
}

// plus is both together.
func (f *Finding) plus(other *Finding) Finding {
	sum := Finding{State: f.State, Reasons: slices.Clone(f.Reasons)}
	if other.State.Worse(f.State) {
		sum.State = other.State
	}
	for _, r := range other.Reasons {
		if !slices.Contains(sum.Reasons, r) && len(sum.Reasons) < findingReasons {
			sum.Reasons = append(sum.Reasons, r)
		}
	}
	return sum
}

// Quarantined tells whether the device is.
func (d *Device) Quarantined() bool { return d.Health != nil && d.Health.Condition == Quarantined }

func (h *DeviceHealth) finding(of healthSource) *Finding {
	if h == nil {
		return &Finding{}
	}
	if of == sourceScan {
		return &h.Scan
	}
	return &h.Agent
}

// condition follows from the findings.
func (h *DeviceHealth) condition() Condition {
	condition := Healthy
	for _, f := range []*Finding{&h.Agent, &h.Scan, &h.Load} {
		switch {
		case h.unaccepted(f):
			return Quarantined
		case f.State.Worse(devices.HealthOK):
			condition = Degraded
		}
	}
	return condition
}

// unaccepted says whether a finding is a reason for a quarantine.
func (h *DeviceHealth) unaccepted(f *Finding) bool {
	return f.bad() && slices.ContainsFunc(f.Reasons, func(r string) bool { return !slices.Contains(h.Accepted, r) })
}

// Reasons are why the device is not healthy.
func (h *DeviceHealth) Reasons() []string {
	if h == nil {
		return nil
	}
	return slices.Concat(h.Agent.Reasons, h.Scan.Reasons, h.Load.Reasons)
}

// clone copies it, to be changed; of nil it makes one of which nothing is known.
func (h *DeviceHealth) clone() *DeviceHealth {
	if h == nil {
		return &DeviceHealth{}
	}
	next := *h
	next.Accepted, next.Errors = slices.Clone(h.Accepted), maps.Clone(h.Errors)
	return &next
}

// settle brings in line what follows from the findings.
func (h *DeviceHealth) settle(now int64) *DeviceHealth {
	all := h.Reasons()
	h.Accepted = slices.DeleteFunc(h.Accepted, func(r string) bool { return !slices.Contains(all, r) })
	if c := h.condition(); c != h.Condition {
		h.Condition, h.Since = c, now
	}
	return h
}

func (h *DeviceHealth) accepted() []string {
	if h == nil {
		return nil
	}
	return h.Accepted
}

// accept lifts a quarantine for the reasons that it has.
func (h *DeviceHealth) accept(now int64) *DeviceHealth {
	next := h.clone()
	next.Accepted = next.Reasons()
	return next.settle(now)
}
