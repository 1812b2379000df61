package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/badger/integrity"
)

// ErrInUse is wrapped by the error of Open when the directory belongs to
// another process, or to another Store of this one.
var ErrInUse = errors.New("another arqd (or another process) already uses this state directory")

// damagedError says that a directory cannot be opened because of what is in it,
// and what can be done.
type damagedError struct {
	dir   string
	cause error
}

func (e *damagedError) Error() string {
	text := "state directory " + e.dir + " is damaged: " + e.cause.Error()
	if _, advised := errors.AsType[*integrity.Damage](e.cause); !advised {
		text += "; " + integrity.Restore
	}
	return text
}

// Unwrap lets errors.Is find persistence.ErrCorrupt and the cause.
func (e *damagedError) Unwrap() []error { return []error{persistence.ErrCorrupt, e.cause} }

// lockDir locks a directory for this process, in the way that Badger does, and
// fails when another has it. Closing the file gives the lock up.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, explain(dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, explain(dir, err)
	}
	return f, nil
}

// damage lists what Badger says of files that do not fit together.
var damage = []string{
	"checksum", "magic", "MANIFEST invalid", "invalid manifestChange",
	"file does not exist for table", "truncate", "unexpected EOF", "failed to read index",
	"Level validation", "Unable to parse log id",
}

// explain turns an error of opening into the sentence an operator reads.
func explain(dir string, err error) error {
	text := err.Error()
	_, found := errors.AsType[*integrity.Damage](err)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK), strings.Contains(text, "Cannot acquire directory lock"):
		return fmt.Errorf("%w: %s", ErrInUse, dir)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("state directory %s is not writable: %w", dir, err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("no space left for state directory %s: %w", dir, err)
	case found, errors.Is(err, errPanic), containsAny(text, damage):
		return &damagedError{dir, err}
	}
	return fmt.Errorf("cannot open state directory %s: %w", dir, err)
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}
