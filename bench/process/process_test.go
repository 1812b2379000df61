package process

import (
	"bytes"
	"os"
	"runtime"
	"testing"
	"time"
)

func TestCPUOfNobody(t *testing.T) {
	const beyond = 1 << 23 // more than the kernel gives
	if got, err := CPU(beyond); err == nil {
		t.Errorf("a process that is not there has used %v", got)
	}
}

// The two ways to read processor time agree, to a tick of the coarser one.
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
	const tick = 10 * time.Millisecond
	if seen < before-2*tick || seen > after+2*tick {
		t.Errorf("%v by its clock, between %v and %v by getrusage", seen, before, after)
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

func TestDescriptorsOfOurselves(t *testing.T) {
	before, err := Descriptors(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if after, err := Descriptors(os.Getpid()); err != nil || after != before+1 {
		t.Errorf("%d descriptors (%v), before there were %d", after, err, before)
	}
}
