// Package journal keeps on disk which commands an agent has begun and what
// became of them, so that none is carried out twice and no result is lost,
// whenever the agent ends.
//
// It is one file of lines, each with a checksum, to which is only added; opening
// it writes it anew with what still counts. A lock beside it keeps a second agent
// of the host from carrying anything out.
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
)

const (
	fileName = "commands"
	lockName = "lock"
	// kept is of how many commands that are over the result is known.
	kept = 256
	// mostBytes is how long the file gets before it is written anew.
	mostBytes = 1 << 20
)

// Entry is what is known of a command.
type Entry struct {
	Command protocol.Command `json:"command"`
	// Result has the state running for one that was begun and has not ended, as
	// far as this journal knows. The session in it is empty.
	Result protocol.Result `json:"result"`
	// Acknowledged: the service has the result.
	Acknowledged bool `json:"acknowledged,omitempty"`
}

// Journal is an open journal. It is for one goroutine.
type Journal struct {
	id      uuid.UUID
	torn    bool
	dir     string
	lock    *os.File
	file    *os.File
	size    int64
	most    int64 // bytes, from which on the file is written anew
	kept    int   // of how many commands that are over the result is known
	failed  error
	entries map[uuid.UUID]*Entry
	order   []uuid.UUID // of entries, as they came in
}

// ErrLocked is wrapped where the journal is in use.
var ErrLocked = errors.New("another agent of this host, or a tool that one has started, is still at work")

// Open opens the journal in a directory, which is made if it is absent, and locks
// it. Damage, other than of the last line, is refused: that one was not written to
// its end when the machine went down.
// What is to be done first, such as to make room on the disk, is done once the lock
// is held, so in nobody's way.
func Open(dir string, first ...func() error) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := takeLock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	j := &Journal{dir: dir, lock: lock, most: mostBytes, kept: kept, entries: make(map[uuid.UUID]*Entry)}
	for _, do := range append(first, j.load, j.rewrite) {
		if err = do(); err != nil {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the journal %s: %w", j.path(), err), lock.Close())
	}
	return j, nil
}

// ID tells the journal from others: what one has begun, the others do not know.
func (j *Journal) ID() uuid.UUID { return j.id }

// Torn tells whether the last line was left out, because it was not written to its
// end.
func (j *Journal) Torn() bool { return j.torn }

func (j *Journal) path() string { return filepath.Join(j.dir, fileName) }

// Lock gives the file whose lock is held: a process that has it open keeps it,
// also when this one ends.
func (j *Journal) Lock() *os.File { return j.lock }

// Close lets go of the journal.
func (j *Journal) Close() error { return errors.Join(j.file.Close(), j.lock.Close()) }

// Find gives what is known of a command; nil: nothing.
func (j *Journal) Find(id uuid.UUID) *Entry { return j.entries[id] }

// Unfinished gives the commands that were begun and have not ended, in order.
func (j *Journal) Unfinished() []*Entry {
	return j.where(func(e *Entry) bool { return !e.Result.Ends() })
}

// Unreported gives those that have ended and whose result the service may not
// have, in order.
func (j *Journal) Unreported() []*Entry {
	return j.where(func(e *Entry) bool { return e.Result.Ends() && !e.Acknowledged })
}

func (j *Journal) where(holds func(*Entry) bool) []*Entry {
	var all []*Entry
	for _, id := range j.order {
		if e := j.entries[id]; holds(e) {
			all = append(all, e)
		}
	}
	return all
}

// Begin puts it on disk that a command is begun from here on.
func (j *Journal) Begin(c *protocol.Command) error {
	return j.put(&Entry{Command: *c, Result: protocol.Result{State: protocol.ResultRunning}})
}

// End puts the result of a command on disk, be it that it was begun or not.
func (j *Journal) End(c *protocol.Command, r *protocol.Result) error {
	return j.put(&Entry{Command: *c, Result: *r})
}

// Acknowledge notes that the service has the result of a command.
func (j *Journal) Acknowledge(id uuid.UUID) error { return j.note(id, true) }

// Repeat notes that the result of a command is to be reported again.
func (j *Journal) Repeat(id uuid.UUID) error { return j.note(id, false) }

func (j *Journal) note(id uuid.UUID, acknowledged bool) error {
	e := j.entries[id]
	if e == nil || e.Acknowledged == acknowledged {
		return nil
	}
	next := *e
	next.Acknowledged = acknowledged
	return j.put(&next)
}

// Drop forgets a command that was begun and of which the service knows nothing.
func (j *Journal) Drop(id uuid.UUID) error {
	if e := j.entries[id]; e != nil {
		next := *e
		next.Result = protocol.Result{State: protocol.ResultFailed, Code: protocol.ResultUnknown, Message: "the service does not know it"}
		next.Acknowledged = true
		return j.put(&next)
	}
	return nil
}

// put adds a line, and takes it over once it is on disk.
func (j *Journal) put(e *Entry) error {
	if j.failed != nil {
		return j.failed
	}
	line := encode(e)
	_, err := j.file.Write(line)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		// What is in the file now is not known: nothing more is added to it.
		j.failed = fmt.Errorf("the journal cannot be written: %w", err)
		return j.failed
	}
	j.adopt(e)
	if j.size += int64(len(line)); j.size > j.most {
		j.failed = j.rewrite()
	}
	return j.failed
}

func (j *Journal) adopt(e *Entry) {
	id := e.Command.ID
	if j.entries[id] == nil {
		j.order = append(j.order, id)
	}
	j.entries[id] = e
}

// rewrite makes the file anew with what still counts.
func (j *Journal) rewrite() error {
	j.forget()
	text := []byte(header(j.id))
	for _, id := range j.order {
		text = append(text, encode(j.entries[id])...)
	}
	next := j.path() + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync()); err == nil {
		err = errors.Join(os.Rename(next, j.path()), syncDir(j.dir))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if j.file != nil {
		_ = j.file.Close() // all of it was synced, or is in the new one
	}
	j.file, j.size = f, int64(len(text))
	return nil
}

// forget drops the oldest of those that are over.
func (j *Journal) forget() {
	over := j.where(func(e *Entry) bool { return e.Acknowledged })
	for _, e := range over[:max(0, len(over)-j.kept)] {
		delete(j.entries, e.Command.ID)
	}
	j.order = slices.DeleteFunc(j.order, func(id uuid.UUID) bool { return j.entries[id] == nil })
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (j *Journal) load() error {
	text, err := os.ReadFile(j.path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found, err := decode(text)
	for i := range found.entries {
		j.adopt(&found.entries[i])
	}
	if j.id, j.torn = found.id, found.torn; j.id == uuid.Nil {
		j.id = uuid.New()
	}
	return err
}
