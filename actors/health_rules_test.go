package actors

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/arqd/arqd/devices"
)

// patient is a device's health without its actor: every write succeeds.
type patient struct {
	t     *testing.T
	pulse pulse
	rec   *DeviceHealth
	now   time.Time
	hold  time.Duration
	wrote int
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	return &patient{t: t, now: time.Unix(1e9, 0), hold: 5 * time.Minute}
}

func (p *patient) write(next *DeviceHealth) {
	if next != nil {
		p.rec = next
		p.pulse.written(next, p.now)
		p.wrote++
	}
}

// says is a statement of an agent's, ten seconds after the last one.
func (p *patient) says(state devices.HealthState, reasons ...string) {
	p.counts(nil, "b", state, reasons...)
}

func (p *patient) counts(errors map[devices.ErrorCounter]uint64, boot string, state devices.HealthState, reasons ...string) {
	p.now = p.now.Add(10 * time.Second)
	m := &examined{finding: newFinding(devices.Health{State: state, Reasons: reasons}), errors: errors, boot: boot}
	p.write(p.pulse.hear(p.rec, m, p.now))
}

// waits lets time pass in which nothing is said.
func (p *patient) waits(d time.Duration) {
	p.now = p.now.Add(d)
	p.write(p.pulse.recovered(p.rec, p.now, p.hold))
}

func (p *patient) wants(condition Condition, reasons ...string) {
	p.t.Helper()
	if p.rec == nil {
		if condition != "" {
			p.t.Errorf("nothing is on record, want %s", condition)
		}
		return
	}
	if p.rec.Condition != condition || !slices.Equal(p.rec.Reasons(), reasons) {
		p.t.Errorf("%s for %q, want %s for %q", p.rec.Condition, p.rec.Reasons(), condition, reasons)
	}
}

const (
	ok     = devices.HealthOK
	shaky  = devices.HealthDegraded
	failed = devices.HealthFailed
	lost   = devices.HealthGone
)

func fatal(n uint64) map[devices.ErrorCounter]uint64 {
	return map[devices.ErrorCounter]uint64{devices.ErrorsFatal: n}
}

func TestADeviceIsQuarantinedWhenItIsSaidTwice(t *testing.T) {
	p := newPatient(t)
	p.says(failed, "smoke")
	p.wants("") // the first of all words is doubted as well
	p.says(ok)
	p.wants(Healthy)
	p.says(lost, "vanished")
	p.wants(Healthy)
	p.says(ok)
	p.says(lost, "vanished")
	p.wants(Healthy) // a reset again, not the same one
	p.says(lost, "vanished")
	p.wants(Quarantined, "vanished")
}

func TestALittleIsBelievedAtOnce(t *testing.T) {
	p := newPatient(t)
	p.says(shaky, "few lanes")
	p.wants(Degraded, "few lanes")
	p.says(ok)
	p.waits(p.hold - time.Second)
	p.wants(Degraded, "few lanes")
	p.waits(2 * time.Second)
	p.wants(Healthy)
}

func TestADeviceThatFlapsIsWrittenOnce(t *testing.T) {
	p := newPatient(t)
	p.says(ok)
	p.says(failed, "smoke")
	p.says(failed, "smoke")
	wrote := p.wrote
	for range 100 {
		p.says(ok)
		p.waits(10 * time.Second)
		p.says(shaky, "few lanes")
		p.says(failed, "smoke")
	}
	if p.wants(Quarantined, "smoke", "few lanes"); p.wrote != wrote+1 {
		t.Errorf("%d writes, want one for the second reason", p.wrote-wrote)
	}
	p.says(ok)
	p.waits(p.hold)
	p.wants(Healthy)
}

func TestAQuarantineMayEndInDegradation(t *testing.T) {
	p := newPatient(t)
	p.says(shaky, "few lanes")
	p.says(failed, "smoke", "few lanes")
	p.says(failed, "smoke", "few lanes")
	p.wants(Quarantined, "few lanes", "smoke")
	p.says(shaky, "few lanes")
	p.waits(p.hold)
	p.wants(Degraded, "few lanes")
}

func TestCountersThatGrowQuarantineAtOnce(t *testing.T) {
	const reason = "it has counted fatal PCIe errors"
	p := newPatient(t)
	p.counts(fatal(7), "b", ok)
	p.wants(Healthy) // of what was before nothing is known
	p.counts(fatal(7), "b", ok)
	p.wants(Healthy)
	p.counts(fatal(8), "b", ok)
	p.wants(Quarantined, reason)
	wrote := p.wrote
	for n := range uint64(20) {
		p.counts(fatal(9+n), "b", ok)
	}
	if p.wrote != wrote {
		t.Errorf("%d writes for errors that go on", p.wrote-wrote)
	}
	p.waits(p.hold - time.Second)
	p.wants(Quarantined, reason)
	p.waits(time.Second)
	p.wants(Healthy)
	p.pulse = pulse{} // the service was started again
	p.counts(fatal(28), "b", ok)
	p.wants(Healthy)
	p.counts(nil, "b", ok) // for once it could not be read
	p.counts(fatal(28), "b", ok)
	p.wants(Healthy)
	p.counts(fatal(3), "b", ok) // the card was replugged, and has made errors since
	p.wants(Quarantined, reason)
}

func TestCountersBeginAnewWithTheHost(t *testing.T) {
	p := newPatient(t)
	p.counts(fatal(7), "first", ok)
	p.counts(fatal(0), "second", ok)
	p.wants(Healthy)
	p.pulse = pulse{}
	p.counts(fatal(0), "second", ok)
	p.wants(Healthy)
	p.counts(fatal(7), "third", ok) // as many as there were once, and all of them new
	p.wants(Quarantined, "it has counted fatal PCIe errors")
}

func TestAnOperatorLiftsAQuarantine(t *testing.T) {
	p := newPatient(t)
	p.says(failed, "smoke")
	p.says(failed, "smoke")
	p.write(p.rec.accept(p.now.Unix()))
	p.wants(Degraded, "smoke")
	p.says(failed, "smoke")
	p.wants(Degraded, "smoke")
	p.says(failed, "smoke", "fire")
	p.wants(Quarantined, "smoke", "fire")

	p = newPatient(t)
	p.counts(fatal(1), "b", ok)
	p.counts(fatal(2), "b", ok)
	p.write(p.rec.accept(p.now.Unix()))
	p.counts(fatal(2), "b", ok)
	p.wants(Degraded, "it has counted fatal PCIe errors")
	p.counts(fatal(3), "b", ok)
	p.wants(Quarantined, "it has counted fatal PCIe errors")
	p.write(p.rec.accept(p.now.Unix()))
	p.counts(fatal(3), "b", ok)
	p.waits(p.hold)
	p.wants(Healthy)
	if len(p.rec.Accepted) > 0 {
		t.Errorf("%q is accepted for ever", p.rec.Accepted)
	}
}

func TestTheTwoSourcesOfHealth(t *testing.T) {
	p := newPatient(t)
	unreadable := Finding{failed, []string{"unreadable"}}
	if p.pulse.hear(p.rec, &examined{source: sourceScan, finding: unreadable, at: p.now}, p.now) != nil {
		t.Error("one scan is believed")
	}
	later := p.now.Add(time.Hour)
	if p.pulse.hear(p.rec, &examined{source: sourceScan, finding: unreadable, at: p.now}, later) != nil {
		t.Error("a scan that is sent again is believed")
	}
	p.write(p.pulse.hear(p.rec, &examined{source: sourceScan, finding: unreadable, at: later}, later))
	p.wants(Quarantined, "unreadable")
	p.says(ok)
	p.waits(p.hold)
	p.wants(Quarantined, "unreadable") // the agent cannot speak for the scan
	p.write(p.pulse.hear(p.rec, &examined{source: sourceScan}, p.now))
	p.waits(p.hold)
	p.wants(Healthy)
}

func TestReasonsAreBounded(t *testing.T) {
	p := newPatient(t)
	for n := range 100 {
		p.says(shaky, strings.Repeat("é", 200)+strconv.Itoa(n), strconv.Itoa(n))
	}
	if r := p.rec.Reasons(); len(r) > findingReasons || len(r[0]) > reasonLength || p.wrote > findingReasons {
		t.Errorf("%d reasons after %d writes", len(r), p.wrote)
	}
	p.says(failed)
	p.says(failed)
	if p.rec.Condition != Quarantined {
		t.Error("no quarantine for lack of room for its reason")
	}
}

// Whatever is said: what is on record follows from the findings, no device
// leaves its quarantine before the time, and one that is well for long enough
// does.
func TestHealthWhateverIsSaid(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := newPatient(t)
		n, boot, quarantined := uint64(0), "b", time.Time{}
		for range 200 {
			switch rng.IntN(12) {
			case 0:
				n++
			case 1:
				boot, n = strconv.Itoa(rng.IntN(3)), 0
			case 2:
				p.pulse = pulse{}
			case 3:
				if p.rec != nil && p.rec.Condition == Quarantined {
					p.write(p.rec.accept(p.now.Unix()))
					quarantined = time.Time{}
				}
			}
			states := []devices.HealthState{ok, ok, ok, shaky, failed, lost}
			state := states[rng.IntN(len(states))]
			before := p.rec
			p.counts(fatal(n), boot, state, []string{"a", "b", "c"}[rng.IntN(3)])
			p.waits(time.Duration(rng.IntN(120)) * time.Second)
			if p.rec == nil {
				continue
			}
			if p.rec.Condition != p.rec.condition() {
				t.Fatalf("seed %d: %+v", seed, p.rec)
			}
			if before != nil && before.Condition == Quarantined && p.rec.Condition != Quarantined && p.now.Sub(quarantined) < p.hold {
				t.Fatalf("seed %d: out of quarantine after %s", seed, p.now.Sub(quarantined))
			}
			if p.rec.Condition == Quarantined && (before == nil || before.Condition != Quarantined) {
				quarantined = p.now.Add(-2 * time.Minute)
			}
		}
		p.counts(fatal(n), boot, ok)
		p.waits(p.hold)
		p.waits(p.hold) // the first may have had something milder in it
		p.wants(Healthy)
	}
}
