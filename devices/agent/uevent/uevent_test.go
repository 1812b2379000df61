package uevent

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/arqd/arqd/devices/sysfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func message(lines ...string) []byte { return []byte(strings.Join(lines, "\x00") + "\x00") }

func TestParse(t *testing.T) {
	slot := sysfs.Address{Bus: 0x3b, Function: 4}
	for name, c := range map[string]struct {
		message []byte
		want    Event
		matters bool
	}{
		"a function": {
			message("remove@/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.4", "ACTION=remove", "SUBSYSTEM=pci", "PCI_SLOT_NAME=0000:3b:00.4", "SEQNUM=4"),
			Event{Action: "remove", Subsystem: "pci", Path: "/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.4", Slot: slot, IsPCI: true},
			true,
		},
		"by its path": {
			message("add@/devices/pci0000:3a/0000:3b:00.4", "SUBSYSTEM=pci"),
			Event{Action: "add", Subsystem: "pci", Path: "/devices/pci0000:3a/0000:3b:00.4", Slot: slot, IsPCI: true},
			true,
		},
		"an interface": {
			message("add@/devices/virtual/net/lo", "SUBSYSTEM=net"),
			Event{Action: "add", Subsystem: "net", Path: "/devices/virtual/net/lo"},
			true,
		},
		"a disk":     {message("change@/x", "SUBSYSTEM=block"), Event{Action: "change", Subsystem: "block", Path: "/x"}, false},
		"no details": {[]byte("add@/x"), Event{Action: "add", Path: "/x"}, false},
	} {
		got, err := Parse(c.message)
		if err != nil || got != c.want || got.Matters() != c.matters {
			t.Errorf("%s: %+v %v, want %+v", name, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "libudev\x00\xfe\xed\xca\xfe", "\x00\x00"} {
		if e, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is %+v", bad, e)
		}
	}
}

// hear runs a source until it has been heard of something.
func hear(t *testing.T, s Source, cause func(), wanted func(Event) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var once sync.Once
	heard := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func(e Event) {
			if wanted(e) {
				once.Do(func() { close(heard) })
			}
		})
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case <-heard:
			waiting = false
		case err := <-ended:
			t.Fatalf("it has ended: %v", err)
		case <-ctx.Done():
			t.Fatal("nothing was heard")
		case <-tick.C:
			cause()
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheSocket(t *testing.T) {
	name := filepath.Join(t.TempDir(), "events")
	left, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"}) // by another agent
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	hear(t, Socket(name), func() {
		conn, err := net.Dial("unixgram", name)
		if err != nil {
			return // not there yet
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("rubbish"))
		_, _ = conn.Write(message("add@/devices/virtual/net/x", "SUBSYSTEM=net"))
	}, func(e Event) bool { return e.Subsystem == "net" && e.Action == "add" })
}

// A file that is no socket is somebody's, and stays.
func TestAFileThatIsNoSocket(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(name, []byte("dear diary"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Socket(name).Run(t.Context(), func(Event) {}); err == nil {
		t.Error("it listens there")
	}
	if text, err := os.ReadFile(name); string(text) != "dear diary" {
		t.Errorf("it has %q: %v", text, err)
	}
}
