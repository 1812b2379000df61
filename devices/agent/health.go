package agent

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// doctor asks drivers for the health of their devices, now and then. It is one
// goroutine; what it finds is published.
type doctor struct {
	scanner *scanner
	found   atomic.Pointer[findings]
	pace    atomic.Int64 // nanoseconds between rounds
	// hung are devices whose driver has not answered in time. They are not asked
	// about again until it has.
	hung map[string]chan struct{}
}

// findings are those of one round. A device that could not be examined is not
// among them.
type findings struct {
	round  int                       // from 1
	health map[string]devices.Health // by control path
}

// examineLimit is how long a driver may take over one device.
const examineLimit = 3 * time.Second

func newDoctor(s *scanner) *doctor {
	d := &doctor{scanner: s, hung: make(map[string]chan struct{})}
	d.keepPace(protocol.HeartbeatEvery)
	d.found.Store(&findings{})
	return d
}

// keepPace has a round before each heartbeat.
func (d *doctor) keepPace(every time.Duration) { d.pace.Store(int64(every)) }

func (d *doctor) run(ctx context.Context) {
	select {
	case <-d.scanner.ready:
	case <-ctx.Done():
		return
	}
	for {
		d.round(ctx)
		if !sleep(ctx, time.Duration(d.pace.Load())) {
			return
		}
	}
}

// round examines all devices but those that are at work: what is done to them makes
// them look ill.
func (d *doctor) round(ctx context.Context) {
	newest := d.scanner.newest.Load()
	if newest == nil {
		return
	}
	now := &findings{d.found.Load().round + 1, make(map[string]devices.Health, len(newest.content.Devices))}
	working := d.scanner.working()
	for i := range newest.content.Devices {
		path := newest.content.Devices[i].ControlPath
		if working[path.Info] {
			continue
		}
		if h, ok := d.examine(ctx, newest.owners[path.Info], path); ok {
			now.health[path.Info] = h
		}
	}
	if ctx.Err() == nil {
		d.tell(d.found.Load(), now)
		d.found.Store(now)
	}
}

// tell says in the log which devices have fallen ill, are ill in another way, have
// counted errors, or are well again.
func (d *doctor) tell(before, now *findings) {
	for path, h := range now.health {
		was := before.health[path]
		log := d.scanner.opt.Log.With("device", path, "state", string(h.State), "reasons", h.Reasons)
		for counter, n := range h.Errors {
			if old, known := was.Errors[counter]; known && n > old {
				log.Warn("a device has counted errors", "errors", string(counter), "more", n-old)
			}
		}
		switch ill := h.State != devices.HealthOK; {
		case ill && (was.State != h.State || !slices.Equal(was.Reasons, h.Reasons)):
			log.Warn("a device is not well")
		case !ill && was.State.Worse(devices.HealthOK):
			log.Info("a device is well again")
		}
	}
}

// examine asks a driver about a device; false: it does not say.
func (d *doctor) examine(ctx context.Context, driver devices.Driver, path devices.ControlPathID) (devices.Health, bool) {
	if before := d.hung[path.Info]; before != nil {
		select {
		case <-before:
			delete(d.hung, path.Info)
		default:
			return devices.Health{}, false
		}
	}
	ctx, cancel := context.WithTimeout(ctx, examineLimit)
	defer cancel()
	answer, ended := make(chan devices.Health, 1), make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = recover() }() // a driver's mistake is no statement about the device
		if h, err := driver.Health(ctx, path); err == nil {
			answer <- h
		}
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		d.hung[path.Info] = ended
	}
	select {
	case h := <-answer:
		return h, true
	default:
		return devices.Health{}, false
	}
}

// chart is what the service was told of the health of devices in a session.
type chart struct {
	round int
	told  map[string]devices.Health
}

// news gives what it is to be told: all that is not ok, or was last told
// otherwise. Nothing is told twice of one look: the service takes that as a second
// one.
func (c *chart) news(s *scan, found *findings) []protocol.DeviceHealth {
	if s == nil || found.round == c.round {
		return nil
	}
	var all []protocol.DeviceHealth
	for i := range s.content.Devices {
		path := s.content.Devices[i].ControlPath
		h, known := found.health[path.Info]
		told, before := c.told[path.Info]
		if !known || before && h.State == devices.HealthOK && told.State == devices.HealthOK &&
			slices.Equal(told.Reasons, h.Reasons) && maps.Equal(told.Errors, h.Errors) {
			continue
		}
		all = append(all, protocol.DeviceHealth{Device: path, Health: bounded(h)})
	}
	return all
}

// heard notes that the service has heard it.
func (c *chart) heard(round int, all []protocol.DeviceHealth) {
	c.round = round
	for i := range all {
		c.told[all[i].Device.Info] = all[i].Health
	}
}

// bounded keeps health within the bounds of the protocol.
func bounded(h devices.Health) devices.Health {
	reasons := make([]string, 0, len(h.Reasons))
	for _, r := range h.Reasons[:min(len(h.Reasons), protocol.MaxReasons)] {
		reasons = append(reasons, clipped(r))
	}
	h.Reasons = reasons
	return h
}
