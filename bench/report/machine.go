package report

import (
	"bytes"
	"os"
	"runtime"
)

// ThisMachine describes this one.
func ThisMachine() Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU()}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = string(bytes.TrimSpace(kernel))
	}
	m.CPU = member("/proc/cpuinfo", "model name")
	m.Memory = member("/proc/meminfo", "MemTotal")
	return m
}

// member gives what stands behind a name in a file of names and values.
func member(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	_, rest, _ := bytes.Cut(text, []byte(name))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return string(bytes.TrimSpace(bytes.TrimLeft(line, "\t :")))
}
