package test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// builtDir holds the binaries that the tests built themselves, if they did.
var builtDir string

var buildDir = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "arqd-test-")
	builtDir = dir
	return dir, err
})

var errNewer = errors.New("a source is newer")

// binary gives the path of the arqd to test.
func binary(t *testing.T) string {
	t.Helper()
	path, err := findBinary()
	if err != nil {
		t.Fatalf("no arqd to test: %v", err)
	}
	return path
}

// raced tells whether the tested binary has the race detector in it.
func raced() bool { return os.Getenv("ARQD_RACE") == "1" }

var findBinary = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("ARQD_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	made, err := filepath.Abs("../bin/arqd")
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(made); err == nil && !raced() && upToDate("..", info.ModTime()) {
		return made, nil
	}
	return build("arqd")
})

// faultyBinary gives the path of an arqd that can be made to misbehave.
func faultyBinary(t *testing.T) string {
	t.Helper()
	path, err := findFaultyBinary()
	if err != nil {
		t.Fatalf("no arqd to test: %v", err)
	}
	return path
}

var findFaultyBinary = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("ARQD_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	return build("arqd-faults", "-tags", "faults")
})

// build makes an arqd of the present sources.
func build(name string, flags ...string) (string, error) {
	dir, err := buildDir()
	if err != nil {
		return "", err
	}
	built := filepath.Join(dir, name)
	args := append([]string{"build", "-buildvcs=false", "-o", built}, flags...)
	if raced() {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "../cmd/arqd")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return built, nil
}

// upToDate tells whether no Go source below root was changed since then.
func upToDate(root string, then time.Time) bool {
	return nil == filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "test"):
			return fs.SkipDir
		case entry.IsDir(), strings.HasSuffix(path, "_test.go"),
			filepath.Ext(path) != ".go" && entry.Name() != "go.mod":
			return nil
		}
		info, err := entry.Info()
		if err == nil && info.ModTime().After(then) {
			return errNewer
		}
		return err
	})
}
