package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"
)

// table is what the benchmarks have measured, for print at the end.
var table = newTable()

// TestMain runs the tests, or, in a child process of theirs, one role.
func TestMain(m *testing.M) {
	uuid.EnableRandPool() // as cmd/arqd does
	if name := os.Getenv(roleVariable); name != "" {
		play(name)
		return
	}
	code := m.Run()
	if err := finish(code == 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if built != "" {
		_ = os.RemoveAll(filepath.Dir(built))
	}
	if err := goleak.Find(
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		// Badger's dependencies start these when the package is loaded.
		goleak.IgnoreAnyFunction("github.com/golang/glog.(*fileSink).flushDaemon"),
	); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// finish prints what was measured, if anything, and records it if that is asked
// for and all went well.
func finish(well bool) error {
	if table.empty() {
		return nil
	}
	machine := here()
	table.Machine = machine.String()
	err := table.Print(os.Stdout)
	if file := os.Getenv(recordVariable); file != "" && well && err == nil {
		err = table.record(file, machine)
	}
	return err
}

// roles are what a child process can be. Each answers questions from standard
// input, a JSON text each, on standard output, and ends with its input.
var roles = map[string]func(ask *json.Decoder, answer *json.Encoder) error{
	roleEcho:  echo,
	roleRaw:   rawCommits,
	roleStore: storeCommits,
	roleLoad:  generateLoad,
	roleHeap:  measureHeap,
	roleList:  serveLists,
	roleWalk:  walk,
}

func play(name string) {
	if err := roles[name](json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}
