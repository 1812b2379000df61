// Package process asks the kernel what a process uses. It needs Linux.
package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// CPU gives the processor time, in user and kernel mode, that a process has
// used since its start. It asks the kernel's clock of the process, as
// clock_getcpuclockid does: /proc knows it to 10 ms only.
func CPU(pid int) (time.Duration, error) {
	const scheduled = 2 // which of the clocks of a process: the exact one
	var t syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(^int32(pid)<<3|scheduled), uintptr(unsafe.Pointer(&t)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("the processor time of process %d: %w", pid, errno)
	}
	return time.Duration(t.Nano()), nil
}

// OwnCPU gives the processor time that this process has used since its start.
func OwnCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// Memory is what a process takes, in bytes.
type Memory struct {
	Peak      int64 // resident, at any time, pages of mapped files among it
	Resident  int64 // resident now, likewise
	Anonymous int64 // resident now, of no file
}

// MemoryOf gives the memory of a process.
func MemoryOf(pid int) (m Memory, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for name, into := range map[string]*int64{"VmHWM:": &m.Peak, "VmRSS:": &m.Resident, "RssAnon:": &m.Anonymous} {
		_, rest, found := bytes.Cut(status, []byte("\n"+name))
		fields := bytes.Fields(rest)
		if !found || len(fields) == 0 {
			return m, fmt.Errorf("no %s in the process status", name)
		}
		kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
		if err != nil {
			return m, fmt.Errorf("unreadable process status: %w", err)
		}
		*into = kib << 10
	}
	return m, nil
}

// ForgetPeak has the peak of a process's memory count from now on.
func ForgetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// Descriptors gives how many files and connections a process has open.
func Descriptors(pid int) (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(open), err
}
