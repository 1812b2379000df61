package test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// companion is a Python program of testdata that reads and writes JSON, a line at
// a time: for what takes long to load and is asked often.
type companion struct {
	t   *testing.T
	in  *json.Encoder
	out *json.Decoder
}

const companionLimit = time.Minute // for one answer

// startCompanion runs a program of testdata with Debian's Python; it ends with the
// test.
func startCompanion(t *testing.T, name string, args ...string) *companion {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", slices.Concat([]string{"-B", "testdata/" + name}, args)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "COLUMNS=400", "no_proxy=127.0.0.1"}
	cmd.SysProcAttr = dieWithParent()
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		stuck := time.AfterFunc(companionLimit, func() { _ = cmd.Process.Kill() })
		defer stuck.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, &complaints)
		}
	})
	return &companion{t, json.NewEncoder(in), json.NewDecoder(out)}
}

func (s *companion) tell(value any) {
	s.t.Helper()
	if err := s.in.Encode(value); err != nil {
		s.t.Fatalf("the companion does not listen: %v", err)
	}
}

// hear takes the next thing that the companion says, which may be never.
func (s *companion) hear(into any) {
	s.t.Helper()
	got := make(chan error, 1)
	go func() { got <- s.out.Decode(into) }()
	timer := time.NewTimer(companionLimit)
	defer timer.Stop()
	select {
	case err := <-got:
		if err != nil {
			s.t.Fatalf("the companion says nothing that can be read: %v", err)
		}
	case <-timer.C:
		s.t.Fatalf("the companion says nothing within %v", companionLimit)
	}
}
