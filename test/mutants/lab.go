package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// limit is for one test: a mutant that makes it hang is caught.
const limit = 3 * time.Minute

// lab is where mutants are built and tested.
type lab struct {
	root string // of the module
	dir  string // for what is built
	all  bool   // every test of a mutant is run
	why  bool   // what a test said that caught one is shown
	out  io.Writer

	service string // the test binary of the whole-service tests
}

// verdict is what became of a mutant.
type verdict struct {
	mutant *mutant
	caught []test
	missed []test
	why    string // what the first that caught it said
	took   time.Duration
	err    error // it could not be tried
}

// each has a number of workers do things.
func each[T any](things []T, workers int, do func(T)) {
	var all sync.WaitGroup
	queue := make(chan T)
	for range workers {
		all.Go(func() {
			for thing := range queue {
				do(thing)
			}
		})
	}
	for _, thing := range things {
		queue <- thing
	}
	close(queue)
	all.Wait()
}

// prepare checks that every mutant fits the sources, and that the tests pass
// on sources without a fault: a test that fails anyway catches nothing.
func (l *lab) prepare(ctx context.Context, mutants []mutant, parallel int) error {
	tests, err := l.wanted(mutants)
	if err != nil {
		return err
	}
	if len(tests[service]) > 0 {
		l.service = filepath.Join(l.dir, "service.test")
		if err := l.compile(ctx, nil, "test", "-c", "-o", l.service, "./"+service); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	var errs []error
	each(slices.Collect(maps.Keys(tests)), parallel, func(folder string) {
		err := l.pass(ctx, folder, tests[folder])
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	})
	return errors.Join(errs...)
}

// wanted gives the tests that are to catch mutants, by folder.
func (l *lab) wanted(mutants []mutant) (map[string][]test, error) {
	var errs []error
	tests := map[string][]test{}
	for i := range mutants {
		_, err := mutants[i].mutated(l.root)
		errs = append(errs, err)
		for _, t := range mutants[i].tests {
			if !slices.Contains(tests[t.folder], t) {
				tests[t.folder] = append(tests[t.folder], t)
			}
		}
	}
	return tests, errors.Join(errs...)
}

// pass runs tests of a folder on the sources as they are.
func (l *lab) pass(ctx context.Context, folder string, tests []test) error {
	b, err := l.bench(ctx, &mutant{name: "none"}, nil, folder)
	if err != nil {
		return err
	}
	defer b.clear()
	for _, t := range tests {
		said, err := b.run(ctx, t)
		if err != nil {
			return err
		}
		if said != "" {
			return fmt.Errorf("%s fails without a fault:\n%s", t, said)
		}
	}
	return nil
}

// try puts every mutant to the test.
func (l *lab) try(ctx context.Context, mutants []mutant, parallel int) []verdict {
	verdicts := make([]verdict, len(mutants))
	numbers := make([]int, len(mutants))
	for i := range numbers {
		numbers[i] = i
	}
	each(numbers, parallel, func(i int) {
		begin := time.Now()
		verdicts[i] = l.examine(ctx, &mutants[i])
		verdicts[i].took = time.Since(begin)
		_, _ = fmt.Fprint(l.out, verdicts[i].lines(l.why))
	})
	return verdicts
}

// examine builds a mutant and runs its tests until one fails, or all of them.
func (l *lab) examine(ctx context.Context, m *mutant) verdict {
	v := verdict{mutant: m}
	overlay, err := l.overlay(m)
	if err != nil {
		v.err = err
		return v
	}
	benches := map[string]*bench{}
	defer func() {
		for _, b := range benches {
			b.clear()
		}
	}()
	for _, t := range m.tests {
		if benches[t.folder] == nil {
			if benches[t.folder], v.err = l.bench(ctx, m, overlay, t.folder); v.err != nil {
				return v
			}
		}
		said, err := benches[t.folder].run(ctx, t)
		switch {
		case err != nil:
			v.err = err
			return v
		case said == "":
			v.missed = append(v.missed, t)
			continue
		case len(v.caught) == 0:
			v.why = said
		}
		v.caught = append(v.caught, t)
		if !l.all {
			break
		}
	}
	return v
}

// overlay writes the changed file, and what tells the compiler to take it.
func (l *lab) overlay(m *mutant) ([]string, error) {
	text, err := m.mutated(l.root)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(l.dir, m.name)
	changed, list := filepath.Join(dir, filepath.Base(m.file)), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(l.root, m.file): changed}})
	return []string{"-overlay", list}, errors.Join(err,
		os.MkdirAll(dir, 0o700), os.WriteFile(changed, text, 0o600), os.WriteFile(list, replace, 0o600))
}

// bench is a test binary of a mutant, or the service that a mutant is.
type bench struct {
	folder string
	binary string
	env    []string
	built  string // to be removed
}

func (l *lab) bench(ctx context.Context, m *mutant, overlay []string, folder string) (*bench, error) {
	b := &bench{folder: filepath.Join(l.root, folder)}
	if folder == service {
		b.binary, b.built = l.service, filepath.Join(l.dir, m.name+".arqd")
		b.env = []string{"ARQD_BINARY=" + b.built}
		return b, l.compile(ctx, overlay, "build", "-tags", "faults", "-o", b.built, "./cmd/arqd")
	}
	b.built = filepath.Join(l.dir, m.name+"."+filepath.Base(folder)+".test")
	b.binary = b.built
	return b, l.compile(ctx, overlay, "test", "-c", "-o", b.built, "./"+folder)
}

func (b *bench) clear() { _ = os.Remove(b.built) }

// compile runs the go command.
func (l *lab) compile(ctx context.Context, overlay []string, verb string, args ...string) error {
	args = slices.Concat([]string{verb, "-buildvcs=false"}, overlay, args)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = l.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("does not compile: %w\n%s", err, out)
	}
	return nil
}

// run runs one test and gives what it said if it failed. A test that was skipped
// is an error: it neither caught nothing nor anything.
func (b *bench) run(ctx context.Context, t test) (said string, err error) {
	bounded, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(bounded, b.binary, "-test.run", "^"+t.name+"$", "-test.v", "-test.failfast", "-test.timeout", limit.String())
	cmd.Dir = b.folder
	cmd.Env = slices.Concat(os.Environ(), []string{"CI="}, b.env, t.settings())
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return fmt.Sprintf("%v\n%s", err, out[max(0, len(out)-30000):]), nil
	case !bytes.Contains(out, []byte("--- PASS: "+t.name)):
		return "", fmt.Errorf("%s did not run:\n%s", t, out)
	}
	return "", nil
}
