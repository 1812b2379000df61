package storetest

import (
	"context"
	"errors"
	"sync"

	"github.com/arqd/arqd/persistence"
)

var generationTests = map[string]func(trial){
	"CreateUpdateDelete":              createUpdateDelete,
	"WrongGenerationLosesAndWritesNo": wrongGeneration,
	"ChecksGuardWrites":               checksGuard,
	"ChecksAloneWinOrLose":            checksAlone,
	"DeletedRecordMayBeMadeAgain":     deletedAndMadeAgain,
	"ConcurrentIncrementsAllCount":    concurrentIncrements,
}

func createUpdateDelete(t trial) {
	s, k := t.open(), key("arq", 1)
	s.lacks(k)
	for generation := range uint64(3) {
		p := put(k, generation, "body "+string('a'+rune(generation)))
		s.wins(puts(p))
		s.has(record(p))
	}
	s.wins(deletes(k, 3))
	s.lacks(k)
}

func wrongGeneration(t trial) {
	s, k := t.open(), key("arq", 1)
	first, second := put(k, 0, "one"), put(k, 1, "two")
	s.wins(puts(first), puts(second))
	for _, expected := range []uint64{0, 1, 3, 1 << 40} {
		s.loses(puts(put(k, expected, "wrong")))
		if expected > 0 {
			s.loses(deletes(k, expected))
		}
	}
	s.loses(puts(put(key("arq", 2), 1, "an update of nothing")))
	s.loses(deletes(key("arq", 2), 1))
	s.has(record(second))
	s.lacks(key("arq", 2))
}

func checksGuard(t trial) {
	s, guard, k := t.open(), key("profile", 1), key("arq", 1)
	guarded := func(generation uint64) persistence.Transition {
		c := checks(guard, generation)
		c.Puts = []persistence.Put{put(k, 0, "guarded")}
		return c
	}
	s.loses(guarded(1)) // there is no such record
	s.wins(puts(put(guard, 0, "")))
	s.loses(guarded(0)) // now there is
	s.loses(guarded(2))
	s.lacks(k)
	s.wins(guarded(1))
	s.has(persistence.Record{Key: k, Generation: 1, Body: []byte("guarded")})
	s.has(persistence.Record{Key: guard, Generation: 1})
}

func checksAlone(t trial) {
	s, k := t.open(), key("arq", 1)
	s.wins(checks(k, 0), persistence.Transition{})
	s.loses(checks(k, 1))
	s.wins(puts(put(k, 0, "")))
	s.wins(checks(k, 1))
	s.loses(checks(k, 0))
	s.has(persistence.Record{Key: k, Generation: 1})
}

func deletedAndMadeAgain(t trial) {
	s, k := t.open(), key("instance", 1)
	s.wins(puts(put(k, 0, "a")), puts(put(k, 1, "b")), deletes(k, 2))
	s.loses(puts(put(k, 2, "stale")))
	again := put(k, 0, "again")
	s.wins(puts(again))
	s.has(record(again))
}

// concurrentIncrements would lose updates if conditions were checked on
// anything but the newest state.
func concurrentIncrements(t trial) {
	s, k := t.open(), key("device", 1)
	const workers, each = 16, 20
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				if err := increment(t.Context(), s.Store, k); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	s.has(persistence.Record{Key: k, Generation: workers * each})
}

// increment reads and writes until it wins.
func increment(ctx context.Context, s persistence.Store, k persistence.Key) error {
	for {
		now, err := s.Fresh(ctx, []persistence.Key{k})
		if err != nil {
			return err
		}
		r := persistence.Apply(ctx, s, []persistence.Transition{puts(put(k, now[0].Generation, ""))})[0]
		switch {
		case r.Outcome == persistence.Won:
			return nil
		case r.Outcome == persistence.Unknown:
			return errors.Join(errors.New("unknown outcome"), r.Err)
		case r.Err != nil:
			return r.Err
		}
	}
}
