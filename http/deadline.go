package http

import (
	"sync"
	"sync/atomic"
	"time"
)

// The engine sets three deadlines in the course of a request, and each costs the
// change of a timer, while hardly one is ever reached. So a deadline is set a
// little later than asked for, and left alone while it fits what is asked for
// next: no client is cut off earlier than promised, and none later than a grain
// after that.

// grains are by how much the deadlines of a connection may be late.
type grains struct{ read, write time.Duration }

// grainOf is the part of a time limit by which its end may be late: a sixteenth.
func grainOf(limit time.Duration) time.Duration { return limit / 16 }

func grainsOf(opt Options) grains {
	return grains{read: grainOf(min(opt.ReadTimeout, opt.IdleTimeout)), write: grainOf(opt.WriteTimeout)}
}

// deadline is one that is in force.
type deadline struct {
	grain time.Duration
	mu    sync.Mutex   // while another is put in force: what is noted is what is in force
	ends  atomic.Int64 // after start; 0: never
}

// start is what deadlines are counted from, so that setting the clock of the
// machine moves none of them.
var start = time.Now()

// fits tells whether what is in force will do for a deadline at t.
func (d *deadline) fits(t time.Time) bool {
	late := time.Duration(d.ends.Load()) - t.Sub(start)
	return late >= 0 && late <= d.grain
}

// set puts a deadline at t in force, or none if t is the zero time.
func (d *deadline) set(t time.Time, force func(time.Time) error) error {
	never := t.IsZero()
	if never && d.ends.Load() == 0 || !never && d.fits(t) {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var ends time.Duration
	if !never {
		t = t.Add(d.grain)
		ends = t.Sub(start)
	}
	if err := force(t); err != nil {
		return err
	}
	d.ends.Store(int64(ends))
	return nil
}

// SetReadDeadline takes note of when the next Read is to end. That the rest of a
// request comes in time is to be seen to only if it is not there yet: mostly it
// came together with the first byte, and there is no further Read. It is for the
// goroutine that reads.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.readBy = t
	return nil
}

func (c *connection) keepReadDeadline() error { return c.read.set(c.readBy, c.Conn.SetReadDeadline) }

// Read reads until the deadline.
func (c *connection) Read(b []byte) (int, error) {
	if err := c.keepReadDeadline(); err != nil {
		return 0, err
	}
	if err := c.receive(len(b)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	c.received += n
	return n, err
}

// SetWriteDeadline sets when writing is to end, also for a Write under way.
func (c *connection) SetWriteDeadline(t time.Time) error {
	return c.write.set(t, c.Conn.SetWriteDeadline)
}

// SetDeadline sets both.
func (c *connection) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}
