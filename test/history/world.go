package history

import (
	"encoding/binary"
	"slices"
)

// state is that of an ARQ.
type state uint8

const (
	absent state = iota
	initial
	bindStarted
	bound
	unbound
	bindFailed
	strange // none that an ARQ may ever be seen in
)

var states = map[string]state{
	"Initial": initial, "BindStarted": bindStarted, "Bound": bound, "Unbound": unbound, "BindFailed": bindFailed,
}

// names says whether an ARQ in the state has a device and an instance.
func (s state) named() bool { return s == bindStarted || s == bound || s == bindFailed }

// arq is an ARQ of the model. Numbers stand for names; see symbols. Number 0
// is none, of a handle also one that nobody ever saw.
type arq struct {
	state    state
	device   uint8
	instance uint8
	owner    uint16
	handle   uint16
	by       uint16 // while bindStarted: the operation; orphaned after a restart
}

// orphaned marks a bind whose preparation a restart has cut short.
const orphaned = ^uint16(0)

// holds says whether the ARQ has an attach handle.
func (a *arq) holds() bool { return a.state == bindStarted || a.state == bound }

type device struct {
	enabled bool
	image   uint8 // the image that it is known to have; 0: none
	unsure  unsure
}

// unsure says how far it is known that nobody knows what is loaded into a device:
// a restart has cut the loading of an image short.
type unsure uint8

const (
	certain  unsure = iota
	cutShort        // it takes no bind
	heldOff         // it is out of service, and takes only binds that have something loaded
)

// serves says whether the device is shown to be in service.
func (d *device) serves() bool { return d.enabled && d.unsure != heldOff }

// job is the preparation of a device for the binds of an operation.
type job struct {
	by     uint16
	device uint8
	image  uint8
	phase  phase
}

type phase uint8

const (
	running phase = iota
	succeeded
	failed
)

// release is a handle that was given back while its device worked on it. It is
// free some time after that work has ended: nobody sees when, so that it counts
// as away or as free, as the answers want it.
type release struct {
	by     uint16
	device uint8
	handle uint16
}

// world is a state of the model, never altered once it is sealed.
type world struct {
	handles   int   // attach handles of each device
	arqs      []arq // by number
	devices   []device
	jobs      []job // in the order in which they were accepted
	releasing []release
	key       string   // equal for equal worlds
	reached   []*world // see reachable; nil: not asked for yet
}

func (w *world) clone() *world {
	return &world{
		handles: w.handles, arqs: slices.Clone(w.arqs), devices: slices.Clone(w.devices),
		jobs: slices.Clone(w.jobs), releasing: slices.Clone(w.releasing),
	}
}

// seal ends the making of a world. Jobs that have ended and that nobody waits
// for are forgotten.
func (w *world) seal() *world {
	jobs := w.jobs
	w.jobs = nil
	for _, j := range jobs {
		runs := slices.ContainsFunc(jobs, func(k job) bool { return k.by == j.by && k.phase == running })
		if runs || slices.ContainsFunc(w.arqs, func(a arq) bool { return a.by == j.by }) {
			w.jobs = append(w.jobs, j)
		}
	}
	b := make([]byte, 0, 9*len(w.arqs)+3*len(w.devices)+5*len(w.jobs)+5*len(w.releasing)+2)
	for _, a := range w.arqs {
		b = append(b, byte(a.state), a.device, a.instance)
		b = binary.BigEndian.AppendUint16(b, a.owner)
		b = binary.BigEndian.AppendUint16(b, a.handle)
		b = binary.BigEndian.AppendUint16(b, a.by)
	}
	for _, d := range w.devices {
		enabled := byte(0)
		if d.enabled {
			enabled = 1
		}
		b = append(b, enabled, d.image, byte(d.unsure))
	}
	b = append(b, byte(len(w.jobs)))
	for _, j := range w.jobs {
		b = binary.BigEndian.AppendUint16(b, j.by)
		b = append(b, j.device, j.image, byte(j.phase))
	}
	b = append(b, byte(len(w.releasing)))
	for _, r := range w.releasing {
		b = binary.BigEndian.AppendUint16(b, r.by)
		b = append(b, r.device)
		b = binary.BigEndian.AppendUint16(b, r.handle)
	}
	w.key = string(b)
	return w
}

// taken counts the handles of a device that ARQs hold.
func (w *world) taken(device uint8) int {
	n := 0
	for i := range w.arqs {
		if w.arqs[i].holds() && w.arqs[i].device == device {
			n++
		}
	}
	return n
}

// away counts the handles of a device that are not free, at the most and at
// the least.
func (w *world) away(device uint8) (most, least int) {
	least = w.taken(device)
	most = least
	for _, r := range w.releasing {
		if r.device == device {
			most++
			if w.runs(r.by, device) {
				least++
			}
		}
	}
	return most, least
}

// inUse says whether a handle that somebody saw cannot be free.
func (w *world) inUse(handle uint16) bool {
	return slices.ContainsFunc(w.arqs, func(a arq) bool { return a.holds() && a.handle == handle }) ||
		slices.ContainsFunc(w.releasing, func(r release) bool { return r.handle == handle && w.runs(r.by, r.device) })
}

// free takes note that released handles of a device have become free: the one
// that was seen to be taken, and as many others as must be. The world is not
// sealed yet.
func (w *world) free(device uint8, seen uint16) {
	if seen != 0 {
		w.releasing = slices.DeleteFunc(w.releasing, func(r release) bool { return r.handle == seen })
	}
	for most, _ := w.away(device); most > w.handles; most-- {
		i := slices.IndexFunc(w.releasing, func(r release) bool { return r.device == device && !w.runs(r.by, device) })
		w.releasing = slices.Delete(w.releasing, i, i+1)
	}
}

// runs says whether a job of the operation works on the device.
func (w *world) runs(by uint16, device uint8) bool {
	return slices.ContainsFunc(w.jobs, func(j job) bool {
		return j.by == by && j.device == device && j.phase == running
	})
}

// loading gives the image that is being loaded into a device.
func (w *world) loading(device uint8) (image uint8, is bool) {
	for _, j := range w.jobs {
		if j.device == device && j.phase == running {
			return j.image, true
		}
	}
	return 0, false
}

// give takes the handle of an ARQ away. From an ARQ whose device is being
// prepared it is free some time later. The world is not sealed yet.
func (w *world) give(a *arq) {
	if a.state == bindStarted && a.by != orphaned {
		w.releasing = append(w.releasing, release{by: a.by, device: a.device, handle: a.handle})
	}
	a.handle, a.by = 0, 0
}

// remove deletes an ARQ.
func (w *world) remove(number int) {
	a := &w.arqs[number]
	w.give(a)
	*a = arq{}
}

// unbind takes an ARQ away from its instance.
func (w *world) unbind(number int) {
	a := &w.arqs[number]
	w.give(a)
	*a = arq{state: unbound, owner: a.owner}
}
