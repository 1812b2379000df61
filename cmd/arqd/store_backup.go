package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/backup"
	"github.com/arqd/arqd/persistence/badger"
)

// writeBackup writes all records to a file that was not there, or to standard
// output. The file has its name once all of it is on disk.
func (c *storeCall) writeBackup(ctx context.Context) error {
	return c.read(ctx, func(from *source) error {
		shown := c.showProgress(from)
		var count uint64
		err := c.output(func(w io.Writer) (err error) {
			count, err = backup.Write(ctx, w, from.head, shown)
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(c.stderr, "%d records, as of %s\n", count, from.head.Taken.Format(time.RFC3339))
		return nil
	})
}

// output gives write a place to write the backup to.
func (c *storeCall) output(write func(io.Writer) error) error {
	if c.file == "-" {
		return write(c.stdout)
	}
	if _, err := os.Lstat(c.file); err == nil {
		return fmt.Errorf("%s is there already", c.file)
	}
	part, err := os.OpenFile(c.file+".part", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = write(part)
	if err == nil {
		err = part.Sync()
	}
	err = errors.Join(err, part.Close())
	if err == nil {
		err = giveName(part.Name(), c.file)
	}
	if gone := os.Remove(part.Name()); !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return errors.Join(err, syncDir(filepath.Dir(c.file)))
}

// giveName gives a file a name that none has. A link, unlike a rename, replaces
// nothing; where the file system knows no links, the name is taken first.
func giveName(file, name string) error {
	err := os.Link(file, name)
	if err == nil || errors.Is(err, os.ErrExist) {
		return err
	}
	taken, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = taken.Close()
	if err == nil {
		err = os.Rename(file, name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// restore makes a store of a backup where there is none, and checks it.
func (c *storeCall) restore(ctx context.Context) error {
	in, err := c.input(c.file)
	if err != nil {
		return err
	}
	defer in.Close()
	from, err := backup.Open(in)
	if err != nil {
		return fmt.Errorf("%s: %w", c.file, err)
	}
	var records actors.Source = c.showProgress(&source{from, c.file, from.Head})
	if c.mend {
		if records, err = c.planRepair(ctx, records); err != nil {
			return err
		}
	}
	switch {
	case !c.accept:
		records = actors.Restored(records, from.Head.Taken, c.tellBound)
	case c.mend: // of what was salvaged nobody knows what was under way
		records = actors.BindsOver(actors.Accepted(records), c.tellBound)
	default:
		records = actors.Accepted(records)
	}
	if err := makeStateDir(c.cfg.Default.StatePath); err != nil {
		return err
	}
	opts := badger.Options{Dir: storeDir(c.cfg), Logger: slog.New(slog.DiscardHandler)}
	count, err := badger.Restore(ctx, opts, records.Each)
	if errors.Is(err, persistence.ErrCorrupt) && !c.mend {
		return fmt.Errorf("%w; arqd store restore --repair settles such things where it can", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "%d records restored to %s, as of %s\n",
		count, opts.Dir, from.Head.Taken.Format(time.RFC3339))
	if !c.accept {
		fmt.Fprintln(c.stderr, "devices take no bind until their host has reported")
	}
	if err := c.verify(ctx); err != nil {
		return fmt.Errorf("%w; see what arqd store repair says before the service is started", err)
	}
	return nil
}

// tellBound says of an accelerator request that it is Bound since it is restored.
func (c *storeCall) tellBound(a *actors.ARQ) {
	fmt.Fprintf(c.stderr, "arq/%s (instance %s) was being bound and is Bound: its guest may have %s on host %s\n",
		a.UUID, a.Binding.InstanceUUID, a.Binding.Handle.Info, a.Binding.Hostname)
}

// progressEvery is how often the progress is told.
const progressEvery = 2 * time.Second

// showProgress tells on standard error how far a long pass has come.
func (c *storeCall) showProgress(from *source) *progress {
	return &progress{source: from, out: c.stderr, next: time.Now().Add(progressEvery)}
}

type progress struct {
	*source
	out   io.Writer
	count uint64
	next  time.Time
}

// Each passes on the records of the source.
func (p *progress) Each(ctx context.Context, visit func(persistence.Record) error) error {
	return p.source.Each(ctx, func(r persistence.Record) error {
		p.count++
		if p.count%1024 == 0 && time.Now().After(p.next) {
			fmt.Fprintf(p.out, "%d of about %d records\n", p.count, p.head.Records)
			p.next = time.Now().Add(progressEvery)
		}
		return visit(r)
	})
}
