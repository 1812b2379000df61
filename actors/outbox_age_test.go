package actors

import "testing"

func TestTheOldestEventThatWaits(t *testing.T) {
	var a eventAges
	add := func(created int64) *undelivered {
		u := &undelivered{Event: &Event{Created: created}}
		a.add(u)
		return u
	}
	want := func(oldest int64) {
		t.Helper()
		if got := a.oldest(); got != oldest {
			t.Errorf("%d, want %d", got, oldest)
		}
	}
	want(0)
	one, two, three := add(1), add(2), add(3)
	want(1)
	two.gone = true
	want(1)
	one.taken = true
	want(3)
	three.gone = true
	want(0)
	add(4)
	want(4)
}

// One event that nobody takes does not keep all that come after it.
func TestAgesOfEventsTakeNoMoreRoomThanWaits(t *testing.T) {
	var a eventAges
	a.add(&undelivered{Event: &Event{Created: 1}})
	for i := range int64(10_000) {
		u := &undelivered{Event: &Event{Created: i + 2}}
		a.add(u)
		u.gone = true
		if got := a.oldest(); got != 1 {
			t.Fatalf("%d, want 1", got)
		}
	}
	if cap(a.events) > 2*fewEvents {
		t.Errorf("%d are kept where one waits", cap(a.events))
	}
}
