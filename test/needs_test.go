package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// needs sees to it that the machine has what a test uses and Go does not
// bring; test/need says what there is. Where it cannot be had the test is
// skipped, but in continuous integration it fails: there nothing may go
// untested unnoticed.
func needs(t *testing.T, what string) {
	t.Helper()
	out, err := exec.Command("./need", what).CombinedOutput()
	if err == nil {
		return
	}
	why := strings.TrimSpace(string(out))
	if os.Getenv("CI") == "true" {
		t.Fatalf("%v: %s", err, why)
	}
	t.Skip(why)
}
