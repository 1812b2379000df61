package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence/badger/integrity"
)

// Badger writes through memory maps of files that have holes. Where the disk
// has no room for a page of them, the kernel ends the process (SIGBUS): there
// is no error to handle. So space is looked at before each batch, and while
// there is less than a reserve, nothing is written.
//
// The reserve is what Badger may yet write without being asked: its logs once
// more as tables, its tables once more when it merges them (it deletes what it
// merged only afterwards), and a margin for two batches and the small files.

const (
	// smallFiles is room for the manifest, its rewrite, the list of discarded
	// values and the head of a new log of each kind.
	smallFiles = 16 << 20
	// fewestFiles is how many files the file system must be able to make:
	// a merge makes some, and removes others later.
	fewestFiles = 64
	// measureEvery is how long, and over how many bytes written, a measured
	// reserve holds.
	measureEvery      = time.Second
	measureEveryBytes = softBytes
	// A log and the table just made of it, or tables and what they were merged
	// into, are both there for a moment, and counted twice. So a shortage is
	// believed only after so many more looks.
	looksAgain  = 5
	lookAgainIn = 100 * time.Millisecond
)

// ErrSpace is wrapped, beside persistence.ErrUnavailable, by what is refused
// because the file system of the state directory is too full.
var ErrSpace = errors.New("too little space on the file system")

// volume is the file system of a directory.
type volume struct {
	free  uint64 // bytes that may still be written
	files uint64 // files that may still be made
}

func statVolume(dir string) (volume, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return volume{}, fmt.Errorf("statfs %s: %w", dir, err)
	}
	v := volume{free: st.Bavail * uint64(st.Bsize), files: st.Ffree}
	if st.Files == 0 {
		v.files = fewestFiles // a file system that does not count them
	}
	return v, nil
}

// occupied adds up what the files of a directory take on disk, holes left out.
func occupied(dir string, counts func(name string) bool) (uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var sum uint64
	for _, e := range entries {
		if !counts(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed just now
		}
		if err != nil {
			return 0, err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += uint64(st.Blocks) * 512
		}
	}
	return sum, nil
}

func isLog(name string) bool { return filepath.Ext(name) == ".mem" }

// margin is the part of the reserve that does not depend on what is stored.
func margin(batchBytes int) uint64 { return uint64(2*batchBytes) + smallFiles }

// enoughToOpen refuses to open a store where the disk might not hold what
// Badger writes as it opens. Tables that no longer belong to it make room: it
// removes them first.
func enoughToOpen(dir string, memTable int64) error {
	names, err := integrity.Tables(dir)
	if err != nil {
		return err
	}
	v, err := statVolume(dir)
	if err != nil {
		return err
	}
	live := func(name string) bool { return slices.Contains(names, name) }
	need, err := occupied(dir, func(name string) bool { return isLog(name) || live(name) })
	if err != nil {
		return err
	}
	remains, err := occupied(dir, func(name string) bool { return filepath.Ext(name) == ".sst" && !live(name) })
	if err != nil {
		return err
	}
	need += margin(batchBytes(memTable))
	if v.free+remains < need || v.files < fewestFiles {
		return fmt.Errorf("%w: %s free, and opening may need %s; nothing is lost, but arqd starts only when there is room",
			ErrSpace, mebibytes(v.free+remains), mebibytes(need))
	}
	return nil
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// room says what the disk still allows.
type room uint8

const (
	roomForAll    room = iota
	roomForRelief      // only for what gives back or ends
	noRoom
)

// diskSpace watches the volume of a store. Its methods may be called from any
// goroutine.
type diskSpace struct {
	dir    string
	margin uint64
	// relief is what is kept, above the reserve, for transitions of that name.
	relief uint64
	look   func(dir string) (volume, error)
	tables func() uint64 // live bytes in tables

	mu       sync.Mutex
	measured time.Time
	written  uint64 // bytes since then

	// believed is the room that the last check found.
	believed atomic.Uint32

	reserve, free, logs atomic.Uint64
}

func newDiskSpace(dir string, db *badgerdb.DB) *diskSpace {
	return &diskSpace{
		dir: dir, look: statVolume,
		margin: margin(int(db.MaxBatchSize())),
		relief: uint64(db.Opts().MemTableSize),
		tables: func() (sum uint64) {
			for _, level := range db.Levels() {
				sum += uint64(level.Size)
			}
			return sum
		},
	}
}

// check says what there is room for, and why not for more. written is the
// number of bytes committed since the last check. There is less than before
// only if that lasts.
func (s *diskSpace) check(written int) (room, error) {
	found, why := s.judge(written)
	if found != roomForAll { // by a reserve that may be of before
		s.expire()
		found, why = s.judge(0)
	}
	for range looksAgain {
		if found <= room(s.believed.Load()) {
			break
		}
		time.Sleep(lookAgainIn) //nolint:forbidigo // Badger tells nobody when it has deleted a file
		s.expire()
		found, why = s.judge(0)
	}
	s.believed.Store(uint32(found))
	return found, why
}

func (s *diskSpace) judge(written int) (room, error) {
	if err := s.measure(written); err != nil {
		return noRoom, err
	}
	v, err := s.look(s.dir)
	s.free.Store(v.free)
	reserve := s.reserve.Load()
	switch {
	case err != nil:
		return noRoom, err
	case v.free >= reserve+s.relief && v.files >= fewestFiles:
		return roomForAll, nil
	}
	why := fmt.Errorf("%w: %s free; below %s only what gives back or ends is written, below %s nothing",
		ErrSpace, mebibytes(v.free), mebibytes(reserve+s.relief), mebibytes(reserve))
	if v.free >= reserve && v.files >= fewestFiles {
		return roomForRelief, why
	}
	return noRoom, why
}

// expire has the reserve measured anew by the next check.
func (s *diskSpace) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measured = time.Time{}
}

// measure brings the reserve up to date when it may have changed much.
func (s *diskSpace) measure(written int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += uint64(written)
	if s.written < measureEveryBytes && time.Since(s.measured) < measureEvery {
		return nil
	}
	logs, err := occupied(s.dir, isLog)
	if err != nil {
		return fmt.Errorf("measure the reserve of the store: %w", err)
	}
	s.logs.Store(logs)
	s.reserve.Store(logs + s.tables() + s.margin)
	s.measured, s.written = time.Now(), 0
	return nil
}
