package badger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/arqd/arqd/persistence"
)

// ErrNotEmpty is wrapped by the error of Restore when the directory holds
// anything.
var ErrNotEmpty = errors.New("a store is restored into an empty directory only")

// unfinished ends the name of a directory in which a restore makes a store.
const unfinished = ".restoring"

// mayBeNew refuses to begin a store where a restore was begun that has not ended: an
// empty one is not what whoever restores wants.
func mayBeNew(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	there, err := isThere(dir + unfinished)
	if there {
		return fmt.Errorf("a restore into it was begun and has not ended; restore it again, or remove %s to begin an empty store", dir+unfinished)
	}
	return err
}

// Restore makes a store in opts.Dir of the records that each visits, with
// their generations, and returns their number. The directory must be empty or
// absent, and may be a link to such a one. It stays so, and no store is begun there,
// until all records are on disk in another one beside it, of the same name and
// ".restoring", which then takes its place; what an earlier attempt left there is
// removed. One restore at a time: the directory that holds both is locked meanwhile.
func Restore(
	ctx context.Context, opts Options, each func(ctx context.Context, visit func(persistence.Record) error) error,
) (records uint64, err error) {
	dir, err := placeOf(opts.Dir)
	if err != nil {
		return 0, err
	}
	lock, err := lockParent(dir)
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	if err := mayBeReplaced(dir); err != nil {
		return 0, err
	}
	opts.Dir = dir + unfinished
	if err := os.RemoveAll(opts.Dir); err != nil {
		return 0, explain(opts.Dir, err)
	}
	records, err = fillNew(ctx, opts, each)
	if err != nil {
		return records, errors.Join(err, os.RemoveAll(opts.Dir))
	}
	return records, moveIntoPlace(opts.Dir, dir)
}

// placeOf finds the directory that a name stands for. One that is not there stands
// for itself, but for a link that leads nowhere.
func placeOf(name string) (string, error) {
	dir, err := filepath.EvalSymlinks(name)
	if err == nil {
		return dir, nil
	}
	if _, there := os.Lstat(name); errors.Is(there, os.ErrNotExist) {
		return filepath.Clean(name), nil
	}
	return "", explain(name, err)
}

// mayBeReplaced refuses what another directory cannot take the place of.
func mayBeReplaced(dir string) error {
	files, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return explain(dir, err)
	case len(files) > 0:
		return fmt.Errorf("%w: %s", ErrNotEmpty, dir)
	}
	var own, parent syscall.Stat_t
	if err := errors.Join(syscall.Stat(dir, &own), syscall.Stat(filepath.Dir(dir), &parent)); err != nil {
		return explain(dir, err)
	}
	if own.Dev != parent.Dev {
		return fmt.Errorf("%s is where a file system is mounted, and a restored store takes the place of its directory: mount it on the directory above", dir)
	}
	return nil
}

// lockParent locks the directory that holds dir, making it where it is not.
func lockParent(dir string) (*os.File, error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, explain(parent, err)
	}
	return lockDir(parent)
}

// fillNew makes a store of records.
func fillNew(
	ctx context.Context, opts Options, each func(ctx context.Context, visit func(persistence.Record) error) error,
) (uint64, error) {
	s, err := Open(opts)
	if err != nil {
		return 0, err
	}
	// The committer has nothing to write before a recovery, and there is none.
	l := loader{s: s, ledger: newLedger(), batch: newBatch(s.db), limits: s.committer.limits}
	err = each(ctx, l.put)
	if err == nil {
		err = l.flush()
	}
	closed := s.Close()
	if errors.Is(err, ErrSpace) || errors.Is(closed, ErrSpace) {
		return 0, l.withoutRoom()
	}
	return l.ledger.tally.records, errors.Join(err, closed)
}

func (l *loader) withoutRoom() error {
	space := l.s.committer.space
	return fmt.Errorf("%w to restore the store: %d records read, %s free, of which %s must stay; nothing was restored",
		ErrSpace, l.ledger.tally.records, mebibytes(space.free.Load()), mebibytes(space.reserve.Load()))
}

// loader writes records as they are.
type loader struct {
	s      *Store
	ledger *ledger
	batch  *batch
	limits limits
}

func (l *loader) put(r persistence.Record) error {
	if c, ok := l.ledger.enter(&r); !ok {
		return fmt.Errorf("%w: %s carries the claim %s of another record", persistence.ErrCorrupt, r.Key, c)
	}
	t := persistence.Transition{Puts: []persistence.Put{{
		Key: r.Key, Expected: r.Generation - 1, Body: r.Body, Indexes: r.Indexes, Claims: r.Claims,
	}}}
	if err := t.Validate(); err != nil {
		return fmt.Errorf("record %s: %w", r.Key, err)
	}
	records, bytes, err := l.limits.size(&t)
	if err != nil {
		return err
	}
	if l.batch.records+records > l.limits.records || l.batch.bytes+bytes > l.limits.bytes {
		if err := l.flush(); err != nil {
			return err
		}
	}
	l.batch.bytes += bytes
	return l.batch.add(&t)
}

// flush writes the batch, while there is room for it.
func (l *loader) flush() error {
	if l.batch.txn == nil {
		return nil
	}
	defer l.batch.reset()
	if room, why := l.s.committer.space.check(l.batch.written); room == noRoom {
		return why
	}
	if err := l.batch.seal(&l.ledger.tally); err != nil {
		return err
	}
	return l.batch.txn.Commit()
}

// moveIntoPlace renames a directory, durably. An empty one in its place gives
// way; one that came to hold something, or that a service is about to use, does
// not.
func moveIntoPlace(from, to string) error {
	if err := takePlace(from, to); err != nil {
		return errors.Join(err, os.RemoveAll(from))
	}
	if err := syncDir(filepath.Dir(to)); err != nil {
		return explain(to, err)
	}
	return nil
}

func takePlace(from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return explain(to, err)
	}
	lock, err := lockDir(to)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Rename(from, to); err != nil { // os.Rename puts nothing in place of a directory
		return explain(to, err)
	}
	return nil
}
