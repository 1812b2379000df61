package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/arqd/arqd/bench/report"
)

const (
	// recordVariable names the file that a line is appended to when all is done.
	recordVariable  = "ARQD_BENCH_RECORD"
	versionVariable = "ARQD_BENCH_VERSION" // of arqd, for that line
)

// setting is where and with what it was measured.
type setting struct {
	report.Machine

	Go   string `json:"go"`
	Disk string `json:"disk"` // file system of the stores
	Load string `json:"load"` // averages at the end, its own included
}

func here() setting {
	s := setting{Machine: report.ThisMachine(), Go: runtime.Version(), Disk: fileSystem()}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		if fields := strings.Fields(string(load)); len(fields) >= 3 {
			s.Load = strings.Join(fields[:3], " ")
		}
	}
	return s
}

func (s setting) String() string {
	return fmt.Sprintf("Machine: %s, %d processors, %s of memory, %s %s (%s), stores on %s, %s, load averages at the end %s.",
		s.CPU, s.CPUs, s.Memory, s.OS, s.Kernel, s.Arch, s.Disk, s.Go, s.Load)
}

// fileSystem names the kind of file system that stores are on.
func fileSystem() string {
	dir, err := makeDiskDir()
	if err != nil {
		return err.Error()
	}
	defer os.RemoveAll(dir)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return err.Error()
	}
	names := map[int64]string{0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x794C7630: "overlayfs"}
	if name := names[int64(fs.Type)]; name != "" { //nolint:unconvert // its type differs between architectures
		return name
	}
	return fmt.Sprintf("a file system of type %#x", fs.Type)
}

// entry is a line of the history.
type entry struct {
	Time     time.Time         `json:"time"`
	Version  string            `json:"version"`
	Machine  setting           `json:"machine"`
	Settings string            `json:"settings"`
	Rows     []Finding         `json:"rows"`
	Lines    map[string]Sample `json:"lines"` // medians
}

// record appends what was measured to a history, one line of JSON.
func (r *Report) record(file string, machine setting) (err error) {
	e := entry{
		Time: time.Now().UTC().Truncate(time.Second), Version: os.Getenv(versionVariable), Machine: machine,
		Settings: r.Title, Rows: r.Findings(), Lines: map[string]Sample{},
	}
	for _, line := range r.lines {
		e.Lines[line] = r.median(line)
	}
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(append(text, '\n'))
	return err
}
