package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"syscall"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/persistence"
)

const storeUsage = `usage:
  arqd store verify  [--config-file FILE]... [--backup BACKUP | --salvage]   check every record and every rule
  arqd store dump    [--config-file FILE]... [--backup BACKUP | --salvage]   print every record as a line of JSON
  arqd store backup  [--config-file FILE]... [--salvage] BACKUP              write all records to a file
  arqd store restore [--config-file FILE]... [--accept] [--repair] BACKUP    make a store of a backup
  arqd store repair  [--config-file FILE]... [--free HANDLE|all]... [--yes | --backup BACKUP | --salvage]
                                                                             make records fit together again

The store is that of the configuration, whether the service runs or not: where
it does, verify, dump and backup ask it for one consistent picture. With
--backup they read a backup instead; with --salvage, what can still be read of
a store that is too damaged to be opened, and the exit code is 1 if that is not
all. BACKUP may be - for standard input or output. After a restore, devices
take no bind until their host has reported; --accept has them take binds at
once.

What was salvaged may contradict itself. repair prints what it would change, and
changes it with --yes, in a store that is not in use; restore --repair changes it
as it restores. Handles that stay taken because nobody knows who has them are
printed as KEEP: --free gives them back, and is for those that no guest has.
`

// storeCall is one run of a command on the store.
type storeCall struct {
	cfg            *config.Config
	backup         string // to read from, in place of the store
	salvage        bool   // read what is intact of a store that is not
	accept         bool
	mend           bool     // of restore: --repair
	free           fileList // handles, or "all"
	yes            bool
	file           string // that backup writes and restore reads
	stdin          io.Reader
	stdout, stderr io.Writer
}

var storeCommands = map[string]func(*storeCall, context.Context) error{
	"verify":  (*storeCall).verify,
	"dump":    (*storeCall).dump,
	"backup":  (*storeCall).writeBackup,
	"restore": (*storeCall).restore,
	"repair":  (*storeCall).repair,
}

func storeCommand(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 1 && slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		_, err := fmt.Fprint(stdout, storeUsage)
		return err
	}
	if len(args) == 0 || storeCommands[args[0]] == nil {
		fmt.Fprint(stderr, storeUsage)
		return errUsage
	}
	c := &storeCall{stdin: stdin, stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("arqd store", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, storeUsage) }
	var files fileList
	flags.Var(&files, "config-file", "")
	if args[0] != "restore" {
		flags.BoolVar(&c.salvage, "salvage", false, "")
	}
	switch args[0] {
	case "verify", "dump":
		flags.StringVar(&c.backup, "backup", "", "")
	case "restore":
		flags.BoolVar(&c.accept, "accept", false, "")
		flags.BoolVar(&c.mend, "repair", false, "")
	case "repair":
		flags.StringVar(&c.backup, "backup", "", "")
		flags.Var(&c.free, "free", "")
		flags.BoolVar(&c.yes, "yes", false, "")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return errors.Join(errUsage, err)
	}
	if err := c.takeFile(args[0], flags.Args()); err != nil {
		return err
	}
	var err error
	if c.cfg, _, err = config.Load(files, environ); err != nil {
		return err
	}
	return interruptible(ctx, func(ctx context.Context) error { return storeCommands[args[0]](c, ctx) })
}

// interruptible runs a command which a signal ends in order, so that nothing
// half-done is left. A second signal ends the process.
func interruptible(ctx context.Context, command func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	err := command(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

// takeFile takes the file that backup and restore need, and the others must
// not have.
func (c *storeCall) takeFile(command string, args []string) error {
	wanted := 0
	if command == "backup" || command == "restore" {
		wanted = 1
	}
	if len(args) != wanted {
		return fmt.Errorf("store %s takes %d arguments besides its flags: %q", command, wanted, args)
	}
	if wanted == 1 {
		c.file = args[0]
	}
	return nil
}

// verify checks every record and every rule that must hold between them.
func (c *storeCall) verify(ctx context.Context) error {
	return c.read(ctx, func(from *source) error {
		report, err := actors.Verify(ctx, from)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprint(c.stdout, report); err != nil {
			return err
		}
		if n := len(report.Violations); n > 0 {
			return fmt.Errorf("%s breaks %d rules", from.name, n)
		}
		return nil
	})
}

// dump writes every record as a line of JSON, those that it does not understand
// as they are.
func (c *storeCall) dump(ctx context.Context) error {
	w := bufio.NewWriter(c.stdout)
	lines := json.NewEncoder(w)
	return c.read(ctx, func(from *source) error {
		raw := 0
		var why error // of the first
		err := from.Each(ctx, func(r persistence.Record) error {
			line, err := actors.Describe(r)
			if err != nil {
				raw++
				why = cmp.Or(why, err)
			}
			return lines.Encode(line)
		})
		if err = errors.Join(err, w.Flush()); raw > 0 {
			err = errors.Join(err, fmt.Errorf("%d records are not understood and printed raw, in base64; the first: %w", raw, why))
		}
		return err
	})
}
