package actors

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// examined is what somebody says of a device's health.
type examined struct {
	source  healthSource
	finding Finding
	errors  map[devices.ErrorCounter]uint64
	boot    string    // the start of the host since which errors are counted
	at      time.Time // of the scan; zero: it is said of now
}

// pulse is what a device's actor remembers of what was said, besides the
// record. It is lost with the process; then recovery begins anew.
type pulse struct {
	better    [healthSources]time.Time // since when it is in a better state than on record; zero: it is not
	mild      [healthSources]Finding   // all that was said since
	said      [healthSources]Finding   // what was said last
	suspected [healthSources]time.Time // when it was first said that it is bad; zero: it was not, or that is on record
	// errors are newer counts than those on record, and since which start.
	errors map[devices.ErrorCounter]uint64
	boot   string
}

// countedReasons are why a device is bad whose counter has grown.
var countedReasons = map[devices.ErrorCounter]string{
	devices.ErrorsFatal:    "it has counted fatal PCIe errors",
	devices.ErrorsNonfatal: "it has counted nonfatal PCIe errors",
	devices.ErrorsECC:      "it has counted errors in its memory that could not be corrected",
	devices.ErrorsXid:      "its driver has reported critical errors (Xid)",
}

// hear takes what is said and gives the record that is to be written; nil: none
// is. A device that is said to be bad is believed to be when it is said twice: a
// function that is just being reset reads as one that is gone, or not at all. Counters do not
// err.
func (p *pulse) hear(rec *DeviceHealth, m *examined, now time.Time) *DeviceHealth {
	f, grown := m.finding, p.growth(rec, m)
	known := rec.finding(m.source)
	if p.doubts(known, m, cmp.Or(m.at, now)) {
		if rec == nil {
			return nil
		}
		f = *known
	}
	p.said[m.source] = f // growth is over when it is seen
	if len(grown) > 0 {
		p.better[m.source] = time.Time{}
	}
	for _, reason := range grown {
		f = f.plus(&Finding{devices.HealthFailed, []string{reason}})
	}
	again := rec != nil && slices.ContainsFunc(grown, func(r string) bool { return slices.Contains(rec.Accepted, r) })
	if again || f.adds(known, rec.accepted()) || m.first(rec) {
		fresh := len(slices.DeleteFunc(slices.Clone(f.Reasons), func(r string) bool { return slices.Contains(known.Reasons, r) }))
		kept := known.without(rec.accepted(), &f, findingReasons-fresh)
		return p.worsened(rec, m, kept.plus(&f), grown, now)
	}
	if m.counts() {
		p.errors, p.boot = p.counted(rec, m), m.boot
	}
	p.compare(m.source, known, now)
	return nil
}

// compare takes note of whether what was said last is better than what is on
// record.
func (p *pulse) compare(source healthSource, known *Finding, now time.Time) {
	said := p.said[source]
	switch {
	case !known.State.Worse(said.State):
		p.better[source] = time.Time{}
	case p.better[source].IsZero():
		p.better[source], p.mild[source] = now, said
	default:
		p.mild[source] = p.mild[source].plus(&said)
	}
}

// doubts tells whether it is not believed yet that a device is bad.
func (p *pulse) doubts(known *Finding, m *examined, now time.Time) bool {
	first := &p.suspected[m.source]
	if !m.finding.bad() || known.bad() {
		*first = time.Time{}
		return false
	}
	if first.IsZero() {
		*first = now
	}
	return now.Sub(*first) < protocol.ScansApart
}

// worsened is the record with what is new.
func (p *pulse) worsened(rec *DeviceHealth, m *examined, f Finding, grown []string, now time.Time) *DeviceHealth {
	next := rec.clone()
	*next.finding(m.source) = f
	next.Accepted = slices.DeleteFunc(next.Accepted, func(r string) bool { return slices.Contains(grown, r) })
	if m.counts() {
		next.Errors, next.BootID = p.counted(rec, m), m.boot
	}
	return next.settle(now.Unix())
}

func (m *examined) counts() bool { return m.source == sourceAgent && len(m.errors) > 0 }

// first tells whether there is nothing on record that it could be held against.
func (m *examined) first(rec *DeviceHealth) bool {
	if rec == nil {
		return m.source == sourceAgent || m.finding.bad()
	}
	for c := range countedReasons {
		_, known := rec.Errors[c]
		if _, counted := m.errors[c]; counted && !known {
			return true
		}
	}
	return false
}

// base gives the counts that newer ones are held against, and whether they are
// of the same start of the host.
func (p *pulse) base(rec *DeviceHealth, boot string) (errors map[devices.ErrorCounter]uint64, same bool) {
	switch {
	case p.errors != nil:
		return p.errors, p.boot == boot
	case rec != nil && rec.Errors != nil:
		return rec.Errors, rec.BootID == boot
	}
	return nil, true
}

// growth gives the reasons for which counters have grown. Those that were not
// seen before tell nothing, unless the host was started since: then they began
// with 0, as do those that are lower than they were.
func (p *pulse) growth(rec *DeviceHealth, m *examined) []string {
	base, same := p.base(rec, m.boot)
	var grown []string
	for c, reason := range countedReasons {
		before, known := base[c]
		if now := m.errors[c]; now > 0 && (!same || known && now != before) {
			grown = append(grown, reason)
		}
	}
	slices.Sort(grown)
	return grown
}

// counted gives the newest count of each counter that is judged; one that could
// not be read now is as it was.
func (p *pulse) counted(rec *DeviceHealth, m *examined) map[devices.ErrorCounter]uint64 {
	newest := map[devices.ErrorCounter]uint64{}
	if base, same := p.base(rec, m.boot); same {
		maps.Copy(newest, base)
	}
	for c := range countedReasons {
		if n, ok := m.errors[c]; ok {
			newest[c] = n
		}
	}
	return newest
}

// recovered gives the record after what has been better for long enough; nil:
// nothing has.
func (p *pulse) recovered(rec *DeviceHealth, now time.Time, hold time.Duration) *DeviceHealth {
	var next *DeviceHealth
	for source := range healthSources {
		if since := p.better[source]; since.IsZero() || now.Sub(since) < hold {
			continue
		}
		if next == nil {
			next = rec.clone()
		}
		*next.finding(source) = p.mild[source]
	}
	if next == nil {
		return nil
	}
	if p.errors != nil {
		next.Errors, next.BootID = maps.Clone(p.errors), p.boot
	}
	return next.settle(now.Unix())
}

// since is when the first of what is better became so; zero: nothing is.
func (p *pulse) since() time.Time {
	var first time.Time
	for _, t := range p.better {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// startOver begins the time of recovery anew.
func (p *pulse) startOver(now time.Time) {
	for i, t := range p.better {
		if !t.IsZero() {
			p.better[i] = now
		}
	}
}

// written goes on from what is on record now.
func (p *pulse) written(rec *DeviceHealth, now time.Time) {
	p.errors, p.boot = nil, ""
	for source := range healthSources {
		p.better[source] = time.Time{}
		p.compare(source, rec.finding(source), now)
		if rec.finding(source).bad() {
			p.suspected[source] = time.Time{}
		}
	}
}
