package badger

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/arqd/arqd/persistence"
)

// looking tells a store what it finds when it looks at its file system, until
// the test ends.
func looking(t *testing.T, s *Store, look func() (volume, error)) {
	t.Helper()
	s.committer.space.look = func(string) (volume, error) { return look() }
	t.Cleanup(func() { s.committer.space.look = statVolume })
}

// onVolume has a store believe that its file system has this much free.
func onVolume(t *testing.T, s *Store) (free *atomic.Uint64) {
	t.Helper()
	free = &atomic.Uint64{}
	free.Store(1 << 40)
	looking(t, s, func() (volume, error) { return volume{free.Load(), fewestFiles}, nil })
	return free
}

func relieving(t persistence.Transition) persistence.Transition {
	t.Relief = true
	return t
}

// wantShort checks that a transition was refused for want of space.
func wantShort(t *testing.T, r persistence.Result) {
	t.Helper()
	if r.Outcome != persistence.Lost || !errors.Is(r.Err, persistence.ErrUnavailable) || !errors.Is(r.Err, ErrSpace) {
		t.Errorf("%v (%v), want lost for want of space", r.Outcome, r.Err)
	}
}

// TestShortOfSpace: first only what gives back or ends is written, then
// nothing, and all again when there is room. Nothing refused has left a trace,
// and reads go on.
func TestShortOfSpace(t *testing.T) {
	s := recovered(t, t.TempDir())
	free := onVolume(t, s)
	wins(t, s, create(1, 10), create(2, 10))
	deletion := persistence.Transition{Deletes: []persistence.Delete{{Key: key(1), Expected: 1}}}
	condition := persistence.Transition{Checks: []persistence.Check{{Key: key(2), Generation: 1}}}

	reserve := s.Stats().Reserve
	free.Store(reserve + s.committer.space.relief - 1)
	wantShort(t, apply(t, s, create(3, 10))[0])
	wins(t, s, relieving(deletion), condition)
	if st := s.Stats(); !errors.Is(st.Refusal, ErrSpace) || st.Free != free.Load() {
		t.Errorf("free %d, refusal %v", st.Free, st.Refusal)
	}

	free.Store(s.Stats().Reserve - 1)
	wantShort(t, apply(t, s, relieving(create(3, 10)))[0])
	if _, err := s.Load(t.Context(), key(2)); err != nil {
		t.Errorf("read without room for writes: %v", err)
	}

	free.Store(1 << 40)
	wins(t, s, create(1, 10), create(3, 10))
	if err := s.Stats().Refusal; err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestNoFilesLeft: a file system may run out of those as well.
func TestNoFilesLeft(t *testing.T) {
	s := recovered(t, t.TempDir())
	looking(t, s, func() (volume, error) { return volume{1 << 40, fewestFiles - 1}, nil })
	wantShort(t, apply(t, s, create(1, 10))[0])
}

// TestVolumeUnknown: without knowing, nothing is written.
func TestVolumeUnknown(t *testing.T) {
	s := recovered(t, t.TempDir())
	bad := errors.New("stale file handle")
	looking(t, s, func() (volume, error) { return volume{}, bad })
	if r := apply(t, s, create(1, 10))[0]; r.Outcome != persistence.Lost || !errors.Is(r.Err, bad) {
		t.Errorf("%v (%v), want lost", r.Outcome, r.Err)
	}
}

// TestReserveFollowsTheStore: what is in logs and tables may be written once
// more, so it is in the reserve, wherever it lies at the moment.
func TestReserveFollowsTheStore(t *testing.T) {
	dir := t.TempDir()
	s := recovered(t, dir)
	empty := s.Stats().Reserve
	const records, size = 1000, 4 << 10
	for n := range records {
		wins(t, s, create(n, size))
	}
	s.committer.space.written = measureEveryBytes
	if grown := s.Stats().Reserve - empty; grown < records*size {
		t.Errorf("the reserve grew by %d with %d bytes in the log", grown, records*size)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = recovered(t, dir)
	if grown := s.Stats().Reserve - empty; grown < records*size*9/10 || grown > records*size*2 {
		t.Errorf("the reserve grew by %d with %d bytes in tables", grown, records*size)
	}
}

// TestCloseWithoutRoom leaves the log to the next start.
func TestCloseWithoutRoom(t *testing.T) {
	s := recovered(t, t.TempDir())
	wins(t, s, create(1, 10))
	onVolume(t, s).Store(0)
	if err := s.Close(); !errors.Is(err, ErrSpace) {
		t.Errorf("%v, want ErrSpace", err)
	}
	if err := s.db.Close(); err != nil { // what the end of the process would have done
		t.Error(err)
	}
}

// TestCountedTwiceForAMoment: a log and the table made of it are both there
// before the log is deleted. That is no shortage; one that lasts is.
func TestCountedTwiceForAMoment(t *testing.T) {
	s := recovered(t, t.TempDir())
	space := s.committer.space
	onVolume(t, s).Store(s.Stats().Reserve + space.relief)
	looks, moment := 0, 2
	tables := space.tables
	space.tables = func() uint64 {
		if looks++; looks <= moment {
			return tables() + 1<<20
		}
		return tables()
	}
	space.expire()
	wins(t, s, create(1, 10))
	if looks <= moment {
		t.Errorf("%d looks", looks)
	}
	looks, moment = 0, 1<<20
	space.expire()
	wantShort(t, apply(t, s, create(2, 10))[0])
}
