package process

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const line = "42 (a) b (c) S 1 42 42 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 9 0 100 1000 200"
	if got, err := parseStat([]byte(line)); err != nil || got != 1750*time.Millisecond {
		t.Errorf("%v (%v), want 1.75 s", got, err)
	}
	for _, bad := range []string{"", "42 (a) S 1 2", strings.Replace(line, "150", "x", 1)} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// The two ways to read processor time agree, to the tick of the coarser one.
func TestCPUOfOurselves(t *testing.T) {
	before, err := OwnCPU()
	if err != nil {
		t.Fatal(err)
	}
	seen, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	after, err := OwnCPU()
	if err != nil {
		t.Fatal(err)
	}
	if seen < before-2*tick || seen > after+2*tick {
		t.Errorf("%v from /proc, between %v and %v by getrusage", seen, before, after)
	}
}

func TestMemoryOfOurselves(t *testing.T) {
	const size = 4 << 20
	held := bytes.Repeat([]byte{1}, size) // written to, so that it is there
	m, err := MemoryOf(os.Getpid())
	if err != nil || m.Anonymous < size || m.Resident < m.Anonymous || m.Peak < m.Anonymous {
		t.Errorf("%+v, %v", m, err)
	}
	runtime.KeepAlive(held)
}
