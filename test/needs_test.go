package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// met are the needs that were seen to in this run.
var met = map[string]bool{}

// needs sees to it that the machine has what a test uses and Go does not
// bring; test/need says what there is. Where it cannot be had the test is
// skipped, but in continuous integration it fails: there nothing may go
// untested unnoticed.
func needs(t *testing.T, what string) {
	t.Helper()
	if met[what] {
		return
	}
	out, err := exec.Command("./need", what).CombinedOutput()
	if err == nil {
		met[what] = true
		return
	}
	why := strings.TrimSpace(string(out))
	if os.Getenv("CI") == "true" {
		t.Fatalf("%v: %s", err, why)
	}
	t.Skip(why)
}
