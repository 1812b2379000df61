package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/badger"
)

// storeCommands work on the store of a service that is not running.
var storeCommands = map[string]func(ctx context.Context, store *badger.Store, out io.Writer) error{
	"verify": verifyStore,
	"dump":   dumpStore,
}

func storeCommand(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("arqd store", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, "usage: arqd store verify|dump [--config-file FILE]...\n")
	}
	if len(args) == 0 || storeCommands[args[0]] == nil {
		flags.Usage()
		return errUsage
	}
	var files fileList
	flags.Var(&files, "config-file", "ini `file` that says where the state is; may be repeated")
	if err := flags.Parse(args[1:]); err != nil {
		return errors.Join(errUsage, err)
	}
	cfg, _, err := config.Load(files, environ)
	if err != nil {
		return err
	}
	dir := storeDir(cfg)
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) == 0 {
		return fmt.Errorf("there is no store in %s", dir)
	}
	store, err := badger.Open(badger.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return errors.Join(storeCommands[args[0]](ctx, store, stdout), store.Close())
}

// verifyStore checks every record and every rule that must hold between them.
func verifyStore(ctx context.Context, store *badger.Store, out io.Writer) error {
	report, err := actors.Verify(ctx, store)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(out, report); err != nil {
		return err
	}
	if n := len(report.Violations); n > 0 {
		return fmt.Errorf("the store breaks %d rules", n)
	}
	return nil
}

// dumpStore writes every record as a line of JSON.
func dumpStore(ctx context.Context, store *badger.Store, out io.Writer) error {
	w := bufio.NewWriter(out)
	lines := json.NewEncoder(w)
	err := store.Each(ctx, func(r persistence.Record) error {
		line, err := actors.Describe(r)
		if err != nil {
			return err
		}
		return lines.Encode(line)
	})
	return errors.Join(err, w.Flush())
}
