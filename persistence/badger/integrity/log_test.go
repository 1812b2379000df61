package integrity

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogOfBadger: what Badger writes is what we read.
func TestLogOfBadger(t *testing.T) {
	dir := t.TempDir()
	db := openBadger(t, dir)
	for _, key := range []string{"a", "b", "c"} {
		set(t, db, key)
	}
	log := read(t, filepath.Join(dir, "00001.mem"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := readLog(log)
	if s.last != 3 || s.open != 0 || s.end != s.stop || s.end != s.written(log) {
		t.Errorf("%+v, written %d; want all of 3 transactions", s, s.written(log))
	}
}

func onCopy(damage func(log []byte, at int)) func([]byte, int) []byte {
	return func(log []byte, at int) []byte {
		log = bytes.Clone(log)
		damage(log, at)
		return log
	}
}

// damages are what can happen to a log at an offset.
var damages = map[string]func(log []byte, at int) []byte{
	"one bit":      onCopy(func(log []byte, at int) { log[at] ^= 1 }),
	"top bit":      onCopy(func(log []byte, at int) { log[at] ^= 0x80 }),
	"one byte":     onCopy(func(log []byte, at int) { log[at] ^= 0xff }),
	"zeros":        onCopy(func(log []byte, at int) { clear(log[at:min(at+64, len(log))]) }),
	"cut":          func(log []byte, at int) []byte { return log[:at] },
	"zeros to end": onCopy(func(log []byte, at int) { clear(log[at:]) }),
	"garbage":      onCopy(func(log []byte, at int) { copy(log[at:], bytes.Repeat([]byte{0xa5, 0x40, 0}, len(log))) }),
	"endless ones": onCopy(func(log []byte, at int) { copy(log[at:], bytes.Repeat([]byte{0xff}, len(log))) }),
	"zeros follow": func(log []byte, at int) []byte { return append(bytes.Clone(log[:at]), make([]byte, 9000)...) },
}

// inHole gives a log the length that Badger gives it.
func inHole(log []byte) []byte { return append(bytes.Clone(log), make([]byte, 1<<16)...) }

// TestLastTransactionMayBeTorn damages the last transaction at every byte: the
// log is accepted, with all before it.
func TestLastTransactionMayBeTorn(t *testing.T) {
	log, last := exampleLog(7, 9)
	for name, damage := range damages {
		dir := withLogs(t, log)
		for at := last; at < len(log); at++ {
			write(t, filepath.Join(dir, logName(0)), inHole(damage(log, at)))
			if err := checkLogs(dir, ".mem", 0, silent); err != nil {
				t.Fatalf("%s at %d: %v", name, at, err)
			}
			left := read(t, filepath.Join(dir, logName(0)))
			if !bytes.HasPrefix(left, log[:last]) || len(bytes.TrimRight(left, "\x00")) > last && !bytes.Equal(left, inHole(log)) {
				t.Fatalf("%s at %d: %d bytes left, want %d", name, at, len(left), last)
			}
		}
	}
}

// TestCutInATransactionIsRefused: a crash does not shorten a log, so what ends
// in the middle of a change has lost more than nobody was told of.
func TestCutInATransactionIsRefused(t *testing.T) {
	log, last := exampleLog(7, 9)
	begins := map[int]bool{last: true}
	for n := uint64(7); n < 9; n++ {
		_, at := exampleLog(7, n)
		begins[at] = true
	}
	dir := t.TempDir()
	for at := logHeader; at < len(log); at++ {
		write(t, filepath.Join(dir, logName(0)), log[:at])
		err := checkLogs(dir, ".mem", 0, silent)
		if !begins[at] {
			refused(t, err, logName(0), "cut short")
		} else if err != nil {
			t.Errorf("cut at %d, between two transactions: %v", at, err)
		}
	}
}

// TestDamageBeforeTheLastTransactionIsRefused damages every byte before the
// last transaction, in place.
func TestDamageBeforeTheLastTransactionIsRefused(t *testing.T) {
	log, last := exampleLog(7, 9)
	for _, name := range []string{"one bit", "top bit", "one byte", "zeros"} {
		dir := withLogs(t, log)
		for at := logHeader; at < last; at++ {
			bad := damages[name](log[:last], at)
			if bytes.Equal(bad, log[:last]) {
				continue
			}
			bad = append(bad, log[last:]...)
			write(t, filepath.Join(dir, logName(0)), bad)
			refused(t, checkLogs(dir, ".mem", 0, silent), logName(0), "unreadable at offset")
			if !bytes.Equal(read(t, filepath.Join(dir, logName(0))), bad) {
				t.Fatalf("%s at %d: the file was changed", name, at)
			}
		}
	}
}

func refused(t *testing.T, err error, file, why string) {
	t.Helper()
	d, ok := errors.AsType[*Damage](err)
	if !ok || d.File != file || !strings.Contains(d.What, why) || !strings.Contains(d.Advice, Restore) {
		t.Fatalf("%v, want Damage of %s that says %q", err, file, why)
	}
}

func TestSeveralLogs(t *testing.T) {
	first, lastOfFirst := exampleLog(1, 3)
	second, _ := exampleLog(4, 5)
	gap, _ := exampleLog(5, 6)
	one, _ := exampleLog(4, 4)
	empty := make([]byte, 5000)
	hidden := damages["one bit"](one, logHeader+9)
	flip := damages["one byte"]
	for name, test := range map[string]struct {
		logs [][]byte
		file int // that is refused, 0 for none
		why  string
	}{
		"both whole":                        {[][]byte{first, second}, 0, ""},
		"first torn, then empty":            {[][]byte{flip(first, lastOfFirst+9), empty}, 0, ""},
		"torn at the end":                   {[][]byte{first, flip(one, logHeader+9)}, 0, ""},
		"first torn, second has records":    {[][]byte{flip(first, lastOfFirst+9), second}, 1, "a later log follows"},
		"first torn, second torn as well":   {[][]byte{flip(first, lastOfFirst+9), hidden}, 1, "a later log follows"},
		"end of the first is gone":          {[][]byte{first[:lastOfFirst], second}, 1, "next log begins with 4"},
		"begin of second is gone":           {[][]byte{first, gap}, 1, "next log begins with 5"},
		"second damaged":                    {[][]byte{first, flip(second, logHeader+2)}, 2, "unreadable at offset 20"},
		"a transaction wholly unreadable":   {[][]byte{first, wiped(second, len(one))}, 2, "unreadable at offset 20"},
		"another key":                       {[][]byte{flip(first, 0)}, 1, "encryption key"},
		"shorter than its header":           {[][]byte{first[:19]}, 1, "cut short"},
		"only the vector of the header bad": {[][]byte{flip(first, 10), second}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkLogs(withLogs(t, test.logs...), ".mem", 0, silent)
			if test.file > 0 {
				refused(t, err, logName(test.file-1), test.why)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// wiped clears all entries before an offset.
func wiped(log []byte, before int) []byte {
	log = bytes.Clone(log)
	clear(log[logHeader:before])
	return log
}

// TestHoleAtTheEndIsNotRead: a log is many times longer than what is in it.
func TestHoleAtTheEndIsNotRead(t *testing.T) {
	log, _ := exampleLog(1, 3)
	dir := withLogs(t, log)
	name := filepath.Join(dir, logName(0))
	if err := os.Truncate(name, 1<<30); err != nil {
		t.Fatal(err)
	}
	err := withFile(name, func(b []byte) error {
		if !bytes.HasPrefix(b, log) || len(b) > 1<<20 {
			t.Errorf("%d bytes, want little more than %d", len(b), len(log))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSearchIsLinear: bytes that look like beginnings of entries everywhere do
// not cost the square of their number.
func TestSearchIsLinear(t *testing.T) {
	lookalike := appendEntry(nil, inTransaction, "r/", 1, strings.Repeat("x", 1<<20))[:30]
	log := bytes.Repeat(lookalike, 100_000)
	s := search{log: log}
	if _, ok := s.next(); ok || !s.spent || s.summed > (summedLimit+1)*len(log) {
		t.Errorf("%d bytes summed of %d, want a search given up", s.summed, len(log))
	}
}

// FuzzLog gives any bytes to the reader: it must come back, and stay within.
func FuzzLog(f *testing.F) {
	log, last := exampleLog(1, 3)
	f.Add(log, uint64(0))
	f.Add(log[:last+9], uint64(1))
	f.Add(log[:logHeader], uint64(0))
	f.Add(damages["one bit"](log, logHeader+1), uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, before uint64) {
		r := logsReader{last: before}
		if err := r.next("x", b); err != nil {
			return
		}
		s := readLog(b)
		if s.end < logHeader || s.end > s.stop || s.stop > len(b) || r.torn != "" && r.keep+r.drop > len(b) {
			t.Fatalf("%+v %+v of %d bytes", s, r, len(b))
		}
		again := readLog(b[:s.end])
		if again.end != s.end || again.last != s.last || again.open != 0 {
			t.Fatalf("what is kept reads as %+v, before %+v", again, s)
		}
	})
}
