// Package process reads from /proc what a process uses. It needs Linux.
package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// tick is the unit of time in /proc, the same on every architecture.
const tick = 10 * time.Millisecond

// CPU gives the processor time, in user and kernel mode, that a process
// has used since its start, to 10 ms.
func CPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(stat)
}

// parseStat reads utime and stime, fields 14 and 15. Field 2 is the name in
// parentheses, which may hold anything.
func parseStat(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("unreadable process status %.40q", stat)
	}
	var sum time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("unreadable process status: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
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
