package agent

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/agent/uevent"
	"github.com/arqd/arqd/devices/protocol"
	"github.com/arqd/arqd/devices/record"
	"github.com/arqd/arqd/devices/sysfs"
)

// Times between an event and a look: what one card does comes as many events.
const (
	quietFor   = 500 * time.Millisecond
	waitAtMost = 5 * time.Second
	// lookLimit is how long the drivers have; see Discover.
	lookLimit = time.Minute
)

// scan is one look at the hardware.
type scan struct {
	number  uint64 // from 1
	content protocol.Content
	digest  string
	owners  map[string]devices.Driver
}

// scanner looks at the hardware when it has reason to. It is one goroutine.
type scanner struct {
	opt     *Options
	looked  func(*scan)
	working func() map[string]bool // control paths of devices that are at work
	ready   chan struct{}          // closed after the first look
	newest  atomic.Pointer[scan]   // nil before the first
	changed chan struct{}          // has something in it when newest is another one

	requests chan struct{}
	events   chan uevent.Event
	took     chan uint64 // the scans that the service has taken

	removed map[string]uint64 // control paths, and the first scan to tell so; 0: none has
	more    bool              // an inventory can name no more of them: the others come with the next one
	said    map[string]bool   // about drivers and problems, in the log
}

// eventsAhead is how many events may wait during a look. More need not be kept:
// there is a new look in any case, though without proof of what was removed.
const eventsAhead = 1024

func newScanner(opt *Options, looked func(*scan), working func() map[string]bool) *scanner {
	return &scanner{
		opt: opt, looked: looked, working: working, ready: make(chan struct{}), changed: make(chan struct{}, 1), requests: make(chan struct{}, 1),
		events: make(chan uevent.Event, eventsAhead), took: make(chan uint64, 1), removed: make(map[string]uint64),
	}
}

// request asks for a look.
func (s *scanner) request() {
	select {
	case s.requests <- struct{}{}:
	default:
	}
}

// notice takes an event.
func (s *scanner) notice(e uevent.Event) {
	if e.Matters() {
		select {
		case s.events <- e:
		default:
		}
	}
}

// taken says that the service has taken a scan.
func (s *scanner) taken(ctx context.Context, number uint64) {
	select {
	case s.took <- number:
	case <-ctx.Done():
	}
}

func (s *scanner) run(ctx context.Context) {
	s.look(ctx)
	close(s.ready)
	safety := time.NewTimer(s.opt.ScanInterval)
	defer safety.Stop()
	var first time.Time // of the events since the last look
	var due <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case number := <-s.took:
			s.forget(number)
			continue
		case e := <-s.events:
			if e.Action == "remove" && e.IsPCI && !s.worksNear(e.Slot) {
				s.removed[record.ControlPath(e.Slot).Info] = 0
			}
			if due == nil {
				first = time.Now()
			}
			due = time.After(min(quietFor, max(0, waitAtMost-time.Since(first))))
			continue
		case <-due:
		case <-s.requests:
		case <-safety.C:
		}
		due = nil
		s.look(ctx)
		safety.Reset(s.opt.ScanInterval)
	}
}

// look looks and publishes what there is.
func (s *scanner) look(ctx context.Context) {
	was := s.working()
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	inv := s.opt.Look(limited)
	if ctx.Err() != nil {
		return
	}
	next := &scan{number: 1, content: inv.content(s.opt.Bus), owners: inv.owners(s.opt.Drivers)}
	if before := s.newest.Load(); before != nil {
		next.number = before.number + 1
		s.keepWorking(before, next, was)
	}
	for path, since := range s.removed {
		if next.owners[path] != nil { // it, or another, has come since
			delete(s.removed, path)
			continue
		}
		if len(next.content.Removed) == protocol.MaxDevices {
			s.more = true
			continue
		}
		if since == 0 {
			s.removed[path] = next.number
		}
		next.content.Removed = append(next.content.Removed, path)
	}
	next.digest = next.content.Digest()
	s.report(inv)
	s.looked(next)
	s.newest.Store(next)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// worksNear says whether a device is at work that the function may be a part of.
func (s *scanner) worksNear(a sysfs.Address) bool {
	for path := range s.working() {
		if at, err := record.ParsePCI(path); err == nil && at.Domain == a.Domain && at.Bus == a.Bus {
			return true
		}
	}
	return false
}

// keepWorking reports devices that are at work as they were: one that is being
// programmed may leave the bus for a while, as may its virtual functions. was are
// those that were at work when the look began: one that is done since may have been
// looked at before, and is looked at once more.
func (s *scanner) keepWorking(before, next *scan, was map[string]bool) {
	working := s.working()
	for i := range before.content.Devices {
		d := &before.content.Devices[i]
		path := d.ControlPath.Info
		if !working[path] && !was[path] {
			continue
		}
		i := slices.IndexFunc(next.content.Devices, func(n protocol.Device) bool { return n.ControlPath.Info == path })
		if i >= 0 {
			next.content.Devices[i] = *d
			continue
		}
		next.content.Devices = append(next.content.Devices, *d)
		next.owners[path] = before.owners[path]
	}
}

// forget drops what was removed once the service knows.
func (s *scanner) forget(number uint64) {
	for path, since := range s.removed {
		if since > 0 && since <= number {
			delete(s.removed, path)
		}
	}
	if s.more {
		s.more = false
		s.request()
	}
}

// report logs what is wrong, once for as long as it is.
func (s *scanner) report(inv Inventory) {
	now := make(map[string]bool)
	say := func(about string, args ...any) {
		key := fmt.Sprint(about, args)
		if now[key] = true; !s.said[key] {
			s.opt.Log.Warn("the hardware is not as it should be", append([]any{"about", about}, args...)...)
		}
	}
	for _, r := range inv {
		if r.Err != nil {
			say("a driver that could not look at everything", "driver", r.Driver, "error", r.Err.Error())
		}
		for _, p := range r.Problems {
			if p.Kind != devices.ProblemGone {
				say("a function", "driver", r.Driver, "where", p.Where, "kind", string(p.Kind), "detail", p.Detail)
			}
		}
		for _, note := range r.Notes {
			say("a note of a driver", "driver", r.Driver, "note", note)
		}
	}
	s.said = now
}
