package actors

import "slices"

// eventAges knows since when the oldest event waits. One that was taken and is
// only repeated does not count.
type eventAges struct {
	events []*undelivered // in the order of their batches
	first  int            // those before it do not wait any more
	limit  int            // when so many are kept, it is looked who of them waits
}

// fewEvents are kept without looking.
const fewEvents = 64

func (u *undelivered) waits() bool { return !u.gone && !u.taken }

func (a *eventAges) add(u *undelivered) {
	if len(a.events) >= max(a.limit, fewEvents) {
		a.events = slices.DeleteFunc(a.events, func(u *undelivered) bool { return !u.waits() })
		a.first, a.limit = 0, 2*len(a.events)
	}
	a.events = append(a.events, u)
}

// oldest gives when the oldest event was made, in Unix milliseconds; 0: none
// waits.
func (a *eventAges) oldest() int64 {
	for a.first < len(a.events) && !a.events[a.first].waits() {
		a.first++
	}
	if a.first == len(a.events) {
		clear(a.events)
		a.events, a.first = a.events[:0], 0
		return 0
	}
	return a.events[a.first].Created
}
