// Command mutants puts one fault after the other into the sources and wants a
// test to catch each: mutants [-all] [-why] [-only REGEXP] [-parallel N], from
// the root of the module. The sources stay as they are: the compiler is given the
// changed file in place of the real one.
//
// It prints which test caught which mutant, and ends with exit code 1 when one
// survives, does not compile, or no longer fits the sources. A test that misses
// a fault is to be mended; a mutant that no longer fits is to be brought in line
// with the sources, or taken out with the rule that it broke.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"syscall"
	"time"
)

func main() {
	all := flag.Bool("all", false, "run every test that is named for a mutant, not only until one catches it")
	why := flag.Bool("why", false, "show what the tests said that caught one")
	only := flag.String("only", "", "take the mutants whose names match this `regexp`")
	parallel := flag.Int("parallel", runtime.NumCPU(), "mutants at a time")
	flag.Parse()
	l := &lab{all: *all, why: *why, out: os.Stdout}
	if err := run(l, *only, *parallel); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(l *lab, only string, parallel int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if l.root, err = os.Getwd(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(l.root, "go.mod")); err != nil {
		return fmt.Errorf("not in the root of the module: %w", err)
	}
	mutants := slices.DeleteFunc(table(), func(m mutant) bool { return !wanted.MatchString(m.name) })
	if len(mutants) == 0 {
		return fmt.Errorf("there is no mutant %s", only)
	}
	begin := time.Now()
	if l.dir, err = os.MkdirTemp("", "arqd-mutants-"); err != nil {
		return err
	}
	defer os.RemoveAll(l.dir)
	if err := l.prepare(ctx, mutants, parallel); err != nil {
		return err
	}
	return l.report(l.try(ctx, mutants, parallel), time.Since(begin))
}
