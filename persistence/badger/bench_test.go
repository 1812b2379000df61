package badger

import (
	"log/slog"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/badger/integrity"
)

// The records of the benchmarks are of the size of an ARQ.
const benchBody = 400

func benchPut(n int) persistence.Put {
	return persistence.Put{
		Key: key(n), Body: make([]byte, benchBody),
		Indexes: []persistence.Index{
			{Name: "instance", Value: "0f3c9f3e-7a47-4d0a-9c9f-0d8d3c5c1c11"},
			{Name: "state", Value: "Initial"},
		},
	}
}

// cpu reports the processor time of the whole process for each operation from
// the call of cpu to that of what it returns. On shared machines it tells more
// than the wall clock.
func cpu(b *testing.B) func() {
	b.Helper()
	before := usage(b)
	return func() { b.ReportMetric(float64(usage(b)-before)/1e3/float64(b.N), "cpu-us/op") }
}

func usage(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	admit(b, s)
	return s
}

// BenchmarkGroupCommit creates records durably, each writer one after the
// other. An operation is one record.
func BenchmarkGroupCommit(b *testing.B) {
	for _, writers := range []int{1, 64, 256, 1024} {
		b.Run(strconv.Itoa(writers), func(b *testing.B) {
			s := openBench(b)
			var next atomic.Int64
			var group sync.WaitGroup
			b.ReportAllocs()
			report := cpu(b)
			b.ResetTimer()
			for range writers {
				group.Go(func() {
					done := make(chan persistence.Result, 1)
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						s.Submit(persistence.Transition{Puts: []persistence.Put{benchPut(int(n))}},
							func(r persistence.Result) { done <- r })
						if r := <-done; r.Outcome != persistence.Won {
							b.Errorf("%v (%v)", r.Outcome, r.Err)
						}
					}
				})
			}
			group.Wait()
			b.StopTimer()
			report()
			b.ReportMetric(float64(b.N)/float64(s.Stats().Commits), "records/batch")
		})
	}
}

// BenchmarkBareTransactions is the floor of the committer: Badger transactions
// of so many records, filled by a plain loop, with the same options.
func BenchmarkBareTransactions(b *testing.B) {
	for _, records := range []int{1, 64, 256, 1024} {
		b.Run(strconv.Itoa(records), func(b *testing.B) {
			db := openBench(b).db
			b.ReportAllocs()
			report := cpu(b)
			b.ResetTimer()
			for n := 0; n < b.N; {
				txn := db.NewTransaction(true)
				for i := 0; i < records && n < b.N; i++ {
					if err := txn.Set(appendKey(nil, key(n)), make([]byte, benchBody+72)); err != nil {
						b.Fatal(err)
					}
					n++
				}
				if err := txn.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			report()
		})
	}
}

// BenchmarkCommitter is the same through a store, from one goroutine that keeps
// so many transitions under way.
func BenchmarkCommitter(b *testing.B) {
	for _, records := range []int{1, 64, 256, 1024} {
		b.Run(strconv.Itoa(records), func(b *testing.B) {
			s := openBench(b)
			slots := make(chan struct{}, records)
			b.ReportAllocs()
			report := cpu(b)
			b.ResetTimer()
			for n := range b.N {
				slots <- struct{}{}
				s.Submit(persistence.Transition{Puts: []persistence.Put{benchPut(n)}}, func(persistence.Result) { <-slots })
			}
			for range records {
				slots <- struct{}{}
			}
			b.StopTimer()
			report()
			b.ReportMetric(float64(b.N)/float64(s.Stats().Commits), "records/batch")
		})
	}
}

// BenchmarkConditions is what the committer does for a transition beside
// Badger: conditions, ledger, envelope.
func BenchmarkConditions(b *testing.B) {
	l := newLedger()
	var memory []byte
	b.ReportAllocs()
	n := 0
	t := persistence.Transition{Puts: []persistence.Put{benchPut(0)}}
	for b.Loop() {
		t.Puts[0].Key = key(n)
		n++
		if t.Validate() != nil || !l.holds(&t) {
			b.Fatal("must hold")
		}
		l.apply(&t)
		memory = appendEnvelope(memory[:0], memory, &t.Puts[0])
	}
}

// BenchmarkRecover recovers a store of many records; an operation is one
// record.
func BenchmarkRecover(b *testing.B) {
	const records = 100_000
	s := openBench(b)
	load(b, s.db, records)
	b.ReportAllocs()
	b.ResetTimer()
	for seen := 0; seen < b.N; {
		s.recovering.Store(false)
		err := s.Recover(b.Context(), func(persistence.Record) error { seen++; return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}

func load(b *testing.B, db *badgerdb.DB, records int) {
	b.Helper()
	batch := db.NewWriteBatch()
	for n := range records {
		p := benchPut(n)
		k := appendKey(nil, p.Key)
		if err := batch.Set(k, appendEnvelope(nil, k, &p)); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Flush(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLedgerMemory reports what the ledger holds for a record, without and
// with a claim, at a million of them.
func BenchmarkLedgerMemory(b *testing.B) {
	const records = 1_000_000
	for name, claims := range map[string]int{"plain": 0, "claim": 1} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				l := newLedger()
				for n := range records {
					r := persistence.Record{Key: key(n), Generation: 1}
					for range claims {
						r.Claims = []persistence.Claim{{Space: "handle", Value: r.Key.ID.String()}}
					}
					l.enter(&r)
				}
				b.ReportMetric(float64(heap()-before)/records, "B/record")
				runtime.KeepAlive(l)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkOpen opens a directory as a killed process leaves it: with tables
// and a log. "check" is the part of it before Badger is opened.
func BenchmarkOpen(b *testing.B) {
	const records = 150_000
	origin, dir := b.TempDir(), filepath.Join(b.TempDir(), "state")
	s, err := Open(Options{Dir: origin})
	if err != nil {
		b.Fatal(err)
	}
	load(b, s.db, records)
	awaitFlush(b, origin)
	files := take(b, origin)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	var check, open time.Duration
	for b.Loop() {
		b.StopTimer()
		files.put(b, dir)
		b.StartTimer()
		begin := time.Now()
		if err := integrity.Check(dir, slog.New(slog.DiscardHandler)); err != nil {
			b.Fatal(err)
		}
		checked := time.Now()
		s, err := Open(Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		check, open = check+checked.Sub(begin), open+time.Since(checked)
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(check.Microseconds())/1e3/float64(b.N), "check-ms/op")
	b.ReportMetric(float64(open.Microseconds())/1e3/float64(b.N), "open-ms/op")
}

func BenchmarkEnvelope(b *testing.B) {
	put := benchPut(1)
	stored := appendKey(nil, put.Key)
	value := appendEnvelope(nil, stored, &put)
	b.Run("append", func(b *testing.B) {
		memory := make([]byte, 0, 1024)
		b.ReportAllocs()
		b.SetBytes(int64(len(value)))
		for b.Loop() {
			appendEnvelope(memory, stored, &put)
		}
	})
	b.Run("open", func(b *testing.B) {
		var r persistence.Record
		b.ReportAllocs()
		b.SetBytes(int64(len(value)))
		for b.Loop() {
			if err := openEnvelope(&r, stored, value); err != nil {
				b.Fatal(err)
			}
		}
	})
}
