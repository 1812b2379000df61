package uevent

import (
	"os"
	"testing"
)

// The kernel itself says something when it is asked to, where that is allowed: a
// container has neither the right to ask nor ears for the answer.
func TestTheKernel(t *testing.T) {
	skip := t.Skipf
	if os.Getenv("CI") == "true" {
		skip = t.Fatalf
	}
	const trigger = "/sys/devices/virtual/net/lo/uevent"
	f, err := os.OpenFile(trigger, os.O_WRONLY, 0)
	if err != nil {
		skip("the kernel cannot be asked: %v", err)
	}
	defer f.Close()
	if conn, err := open(); err != nil {
		skip("the kernel is not heard: %v", err)
	} else if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	hear(t, Kernel{}, func() {
		if _, err := f.WriteString("change"); err != nil {
			t.Error(err)
		}
	}, func(e Event) bool { return e.Subsystem == "net" && e.Action == "change" && e.Matters() })
}
