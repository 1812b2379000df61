package integrity

import (
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// checkLogs reads the logs with an ending in their order and refuses damage.
// The remains of a transaction that a crash has interrupted are cut off, on
// disk, before anything is written after it: Badger would do so, but can fail
// on what they look like.
//
// flushed is the last transaction that is in a table.
func checkLogs(dir, ending string, flushed uint64, log *slog.Logger) error {
	names, err := logNames(dir, ending)
	if err != nil {
		return err
	}
	r := logsReader{flushed: flushed}
	for _, name := range names {
		if err := withFile(filepath.Join(dir, name), func(b []byte) error { return r.next(name, b) }); err != nil {
			return err
		}
	}
	if r.torn == "" {
		return nil
	}
	if err := r.checkLength(dir); err != nil {
		return err
	}
	log.Warn("the last transaction in a log was not complete and is dropped", "file", r.torn,
		"offset", r.keep, "bytes", r.drop)
	return cut(filepath.Join(dir, r.torn), r.keep)
}

// logNames lists logs from the oldest to the newest. What has no number is
// left to Badger to complain about.
func logNames(dir, ending string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	numbers := make(map[string]int)
	var names []string
	for _, file := range files {
		number, found := strings.CutSuffix(file.Name(), ending)
		n, err := strconv.Atoi(number)
		if found && err == nil {
			numbers[file.Name()] = n
			names = append(names, file.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(numbers[a], numbers[b]) })
	return names, nil
}

// logsReader judges logs, one after the other.
type logsReader struct {
	before     string // the last log that holds a complete transaction
	last       uint64 // that transaction
	flushed    uint64 // the last one in the tables
	torn       string // a log that ends in the middle of a transaction
	keep, drop int    // bytes of torn
	needs      int    // the length that torn must have had
}

func (r *logsReader) next(name string, log []byte) error {
	if len(log) < logHeader {
		return damagedLog(name, "is cut short: it has %d bytes", len(log))
	}
	if foreign(log) {
		return damagedLog(name, "begins with the id of an encryption key, and arqd uses none")
	}
	s := readLog(log)
	written := s.written(log)
	j := s.judge(log[:written], r.reached())
	if j.any {
		if err := r.follows(log); err != nil {
			return err
		}
	}
	if j.damage {
		return damagedLog(name, "is unreadable at offset %d, in the middle of acknowledged changes", s.stop)
	}
	if s.end < written {
		r.torn, r.keep, r.drop, r.needs = name, s.end, written-s.end, s.needs(log)
	}
	if s.last != 0 {
		r.before, r.last = name, s.last
	}
	return nil
}

// checkLength tells a log that somebody has cut short from one that a crash has
// left incomplete: the crash leaves its length as it was.
func (r *logsReader) checkLength(dir string) error {
	info, err := os.Stat(filepath.Join(dir, r.torn))
	if err == nil && info.Size() < int64(r.needs) {
		return damagedLog(r.torn, "is cut short: it ends at offset %d, in the middle of a change", info.Size())
	}
	return err
}

// follows checks that a log which holds any part of a transaction follows
// complete ones without a gap.
func (r *logsReader) follows(log []byte) error {
	if r.torn != "" {
		return damagedLog(r.torn, "is unreadable from offset %d on, and a later log follows", r.keep)
	}
	first, ok := readEntry(log[logHeader:])
	if ok && r.last != 0 && first.transaction > r.reached()+1 {
		return damagedLog(r.before, "ends with transaction %d, and the next log begins with %d", r.last, first.transaction)
	}
	return nil
}

// reached is the last transaction that was not lost before the log at hand. A
// log between two others may be gone: whoever reads for long keeps an older one
// from being deleted, while what follows it is in tables already.
func (r *logsReader) reached() uint64 {
	if r.last == 0 {
		return 0 // nothing is known of the first log
	}
	return max(r.last, r.flushed)
}

// cut shortens a file and waits until that is on disk.
func cut(name string, length int) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(int64(length)); err != nil {
		return err
	}
	return f.Sync()
}
