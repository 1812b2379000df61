package test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// run is all tests, and after them the end of what they share.
type run struct{ *testing.M }

// Run is what TestMain calls.
func (r run) Run() int {
	defer stopCloud()
	return r.M.Run()
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(run{m}, goleak.Cleanup(func(code int) {
		if builtDir != "" {
			_ = os.RemoveAll(builtDir)
		}
		os.Exit(code) //nolint:forbidigo // a leak found after the tests must fail the run
	}))
}
