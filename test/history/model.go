package history

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// unanswered stands for every answer that does not tell whether the request
// was done: none at all, and any 5xx.
const unanswered = 0

// model is what a cell is allowed to do.
type model struct {
	symbols    symbols
	fails      map[uint8]bool // images that cannot be loaded
	unreliable bool
	start      *world
	known      map[string]*world // by key
}

// same gives the one copy of equal worlds.
func (m *model) same(w *world) *world {
	if known := m.known[w.key]; known != nil {
		return known
	}
	m.known[w.key] = w
	return w
}

// step is an Operation in numbers.
type step struct {
	kind     Kind
	number   uint16
	status   int
	patch    patch
	arqs     []int // Create, Delete, Show: those concerned
	owner    uint16
	instance uint8
	device   uint8
	enabled  bool
	image    uint8
	seen     []sight // what the answer shows
	// impossible: there is something in the answer that is never right.
	impossible bool
	proof      int64 // by when it was done, if it was
	of         *Operation
}

// sight is an ARQ as an answer shows it.
type sight struct {
	arq int
	is  arq // by is not shown
}

// after gives what a world may be after a step, none when the step's answer
// cannot be given in it.
func (s *step) after(w *world) []*world {
	if s.impossible {
		return nil
	}
	switch s.kind {
	case Create:
		return s.either(w, 201, w.create(s))
	case Patch:
		return w.patched(&s.patch, s.status, s.number)
	case Delete:
		return s.deleted(w)
	case DeleteOfInstance:
		return s.either(w, 204, w.removeOf(s.instance))
	case SetDevice:
		return s.either(w, 204, w.setDevice(s.device, s.enabled))
	case Restart:
		return w.restart()
	case Show, List, ListOfInstance, ListResolved, ShowDevice, ShowImage:
		if s.shows(w) {
			return []*world{w}
		}
	}
	return nil
}

// either gives what comes of a change that cannot be refused: it was done, or,
// unless the answer is the one that says so, perhaps not.
func (s *step) either(w *world, done int, changed *world) []*world {
	switch s.status {
	case done:
		if changed != nil {
			return []*world{changed}
		}
	case unanswered:
		if changed == nil {
			return []*world{w}
		}
		return []*world{w, changed}
	}
	return nil
}

// create makes ARQs; nil: one of them is there already.
func (w *world) create(s *step) *world {
	next := w.clone()
	for _, n := range s.arqs {
		if w.arqs[n].state != absent {
			return nil
		}
		next.arqs[n] = arq{state: initial, owner: s.owner}
	}
	return next.seal()
}

func (w *world) removeOf(instance uint8) *world {
	next := w.clone()
	for n, a := range w.arqs {
		if a.state.named() && a.instance == instance {
			next.remove(n)
		}
	}
	return next.seal()
}

func (w *world) setDevice(d uint8, enabled bool) *world {
	next := w.clone()
	device := &next.devices[d]
	if enabled && device.enabled && device.unsure == heldOff { // who enables what is not disabled accepts it
		device.unsure = certain
	}
	device.enabled = enabled
	return next.seal()
}

// deleted: all of those named, or, if one of them is not there, none.
func (s *step) deleted(w *world) []*world {
	missing := slices.ContainsFunc(s.arqs, func(n int) bool { return w.arqs[n].state == absent })
	next := w
	if !missing {
		next = w.clone()
		for _, n := range s.arqs {
			next.remove(n)
		}
		next.seal()
	}
	switch {
	case s.status == unanswered && !missing:
		return []*world{w, next}
	case s.status == unanswered, s.status == 404 && missing, s.status == 204 && !missing:
		return []*world{next}
	}
	return nil
}

// shows says whether the answer of a read shows the world as it is.
func (s *step) shows(w *world) bool {
	switch s.kind {
	case ShowDevice:
		return s.status == 200 && w.devices[s.device].serves() == s.enabled
	case ShowImage:
		return s.status == 200 && w.devices[s.device].image == s.image
	case Show:
		if s.status == 404 {
			return w.arqs[s.arqs[0]].state == absent
		}
		return s.lists(w)
	default:
		return s.lists(w)
	}
}

// lists says whether the answer shows exactly the ARQs that belong into it.
func (s *step) lists(w *world) bool {
	expected, unresolved := 0, false
	for n := range w.arqs {
		if s.concerns(w, n) {
			expected++
			unresolved = unresolved || w.arqs[n].state == bindStarted
		}
	}
	if s.kind == ListResolved && unresolved {
		return s.status == 423
	}
	if s.status != 200 || expected != len(s.seen) {
		return false
	}
	for _, seen := range s.seen {
		if !s.concerns(w, seen.arq) || !w.arqs[seen.arq].looks(seen.is) {
			return false
		}
	}
	return true
}

// concerns says whether an ARQ belongs into the answer.
func (s *step) concerns(w *world, n int) bool {
	a := &w.arqs[n]
	switch s.kind {
	case Show:
		return n == s.arqs[0] && a.state != absent
	case List:
		return a.state != absent
	default:
		return a.state.named() && a.instance == s.instance
	}
}

// looks says whether the ARQ is seen so. A handle shows only once it is Bound.
func (a *arq) looks(seen arq) bool {
	is := *a
	is.by = 0
	if is.state != bound {
		is.handle = 0
	}
	return is == seen
}

// worlds is what is known of the world at a moment: it is one of these, or what
// one of these has become by itself. Ordered by their keys.
type worlds struct {
	all []*world
	key string
}

// gather leaves out what another may become by itself: it says nothing more.
func (m *model) gather(all []*world) *worlds {
	for i, w := range all {
		all[i] = m.same(w)
	}
	slices.SortFunc(all, func(a, b *world) int { return strings.Compare(a.key, b.key) })
	all = slices.Compact(all)
	later := map[*world]bool{}
	if len(all) > 1 {
		for _, w := range all {
			for _, reached := range m.reachable(w)[1:] {
				later[reached] = true
			}
		}
	}
	all = slices.DeleteFunc(all, func(w *world) bool { return later[w] })
	var key strings.Builder
	for _, w := range all {
		key.WriteString(w.key)
	}
	return &worlds{all: all, key: key.String()}
}

var seed = maphash.MakeSeed()

// starts gives what the world may be at the start: of a device that is out of
// service it was not seen whether it is disabled, held off, or both.
func (m *model) starts() []*world {
	all := []*world{m.start}
	for d := 1; d < len(m.start.devices); d++ {
		if m.start.devices[d].enabled || m.start.devices[d].image != 0 {
			continue
		}
		for _, w := range slices.Clone(all) {
			for _, enabled := range []bool{true, false} {
				held := w.clone()
				held.devices[d] = device{enabled: enabled, unsure: heldOff}
				all = append(all, held.seal())
			}
		}
	}
	return all
}

// porcupine makes the model that the checker searches with.
func (m *model) porcupine() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return m.gather(m.starts()) },
		Step: func(state, input, _ any) (bool, any) {
			before, s := state.(*worlds), input.(*step) //nolint:errcheck // its own values
			var after []*world
			for _, w := range before.all {
				for _, reached := range m.reachable(w) {
					after = append(after, s.after(reached)...)
				}
			}
			return len(after) > 0, m.gather(after)
		},
		Equal: func(a, b any) bool { return a.(*worlds).key == b.(*worlds).key },   //nolint:errcheck // its own values
		Hash:  func(a any) uint64 { return maphash.String(seed, a.(*worlds).key) }, //nolint:errcheck // its own values
		DescribeOperation: func(input, _ any) string {
			return input.(*step).of.String() //nolint:errcheck // its own values
		},
		DescribeState: func(state any) string {
			return m.describe(state.(*worlds)) //nolint:errcheck // its own values
		},
	}
}
