// Package disk gives tests a disk whose power can be cut.
//
// It has a cache, as disks have: what was written and not flushed since may be on
// the platter or not, each block or sector by itself and in any order. A Disk is served to the
// kernel as a file, by FUSE, with a loop device on it and a real file system on that;
// the flushes of the file system, which it makes when a program syncs a file, arrive
// here.
package disk

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// block is the unit in which contents are kept, in bytes. A sector is written as a whole or
// not at all, and the sectors of a block together or not.
const (
	block  = 4096
	sector = 512
)

type content = [block]byte

// Disk is a disk under power. Its methods may be called from any goroutine.
type Disk struct {
	size int64

	mu       sync.Mutex
	platter  map[int64]*content   // by number of the block; what is not there is zero
	cache    map[int64][]*content // what was written since the last flush, the oldest first
	requests int                  // writes and flushes so far
	cutAt    int                  // the request at which the power goes; 0: none
	full     bool                 // or the first flush after it
	cut      chan struct{}        // closed when the power is gone
	off      bool
	released chan struct{} // closed when those who wait for an answer are told that there is none
}

// New makes an empty disk of a size in bytes.
func New(size int64) *Disk {
	return &Disk{
		size: size, platter: map[int64]*content{}, cache: map[int64][]*content{},
		cut: make(chan struct{}), released: make(chan struct{}),
	}
}

// CutAfter has the power go before a write or a flush, that of a number from now on, is
// carried out: 1 is the next one. With full it is the first flush from that on.
func (d *Disk) CutAfter(requests int, full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cutAt, d.full = d.requests+requests, full
}

// CutNow has the power go, unless it has.
func (d *Disk) CutNow() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end()
}

// Cut is closed when the power has gone. From then on nothing is answered, until Release.
func (d *Disk) Cut() <-chan struct{} { return d.cut }

// Release fails what waits for an answer, and all that comes, after the power has gone, as it does
// now at the latest. Whoever must not hear of that had better be dead.
func (d *Disk) Release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end()
	select {
	case <-d.released:
	default:
		close(d.released)
	}
}

// end has the power go; the caller holds mu.
func (d *Disk) end() {
	if !d.off {
		d.off = true
		close(d.cut)
	}
}

// Survivor gives a disk with what a cut has left: of each block that was written since the last
// flush what was on the platter, or any of the writes, or of each of its sectors. lost is how
// many blocks are not as they were written last.
func (d *Disk) Survivor(rng *rand.Rand) (next *Disk, lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next = New(d.size)
	maps.Copy(next.platter, d.platter)
	for _, n := range slices.Sorted(maps.Keys(d.cache)) {
		written := d.cache[n]
		versions := []*content{&zeroes}
		if c := d.platter[n]; c != nil {
			versions[0] = c
		}
		left := survivor(append(versions, written...), rng)
		next.platter[n] = left
		if *left != *written[len(written)-1] {
			lost++
		}
	}
	return next, lost
}

func survivor(versions []*content, rng *rand.Rand) *content {
	if rng.IntN(2) == 0 {
		return versions[rng.IntN(len(versions))]
	}
	torn := *versions[0]
	for at := 0; at < block; at += sector {
		copy(torn[at:at+sector], versions[rng.IntN(len(versions))][at:])
	}
	return &torn
}

// Requests gives the number of writes and flushes so far.
func (d *Disk) Requests() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests
}

// begin counts a request that changes the disk; false: the power is gone. The caller
// holds mu.
func (d *Disk) begin(flush bool) bool {
	d.requests++
	if d.cutAt > 0 && d.requests >= d.cutAt && (!d.full || flush) {
		d.end()
	}
	return !d.off
}

// write takes bytes into the cache.
func (d *Disk) write(data []byte, at int64) (ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.begin(false) {
		return false
	}
	for len(data) > 0 {
		n, in := at/block, at%block
		c := *d.newest(n)
		part := copy(c[in:], data)
		d.cache[n] = append(d.cache[n], &c)
		data, at = data[part:], at+int64(part)
	}
	return true
}

// flush brings all that is in the cache onto the platter.
func (d *Disk) flush() (ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.begin(true) {
		return false
	}
	for n, versions := range d.cache {
		d.platter[n] = versions[len(versions)-1]
	}
	clear(d.cache)
	return true
}

// read gives what was written last.
func (d *Disk) read(into []byte, at int64) (length int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	into = into[:max(0, min(int64(len(into)), d.size-at))]
	for length < len(into) {
		n, in := at/block, at%block
		part := copy(into[length:], d.newest(n)[in:])
		length, at = length+part, at+int64(part)
	}
	return length, !d.off
}

var zeroes content

// newest gives a block as it was written last; the caller holds mu.
func (d *Disk) newest(n int64) *content {
	if versions := d.cache[n]; len(versions) > 0 {
		return versions[len(versions)-1]
	}
	if c := d.platter[n]; c != nil {
		return c
	}
	return &zeroes
}
