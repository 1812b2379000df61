package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
)

// Enforcer holds the policy in force and replaces it when the operator's file
// has changed. Enforce never waits for a reload.
type Enforcer struct {
	set     Set
	options []Option
	path    string
	needed  bool // a missing file is an error
	current atomic.Pointer[Policy]

	mu   sync.Mutex // one reload at a time; guards what follows
	seen fs.FileInfo
	bad  error // why the file as last seen is not in force
}

// NewEnforcer loads the policy: a default set and the file at path; without a
// path the set alone. A file that is missing or bad is an error.
func NewEnforcer(set Set, path string, options ...Option) (*Enforcer, error) {
	return newEnforcer(&Enforcer{set: set, options: options, path: path, needed: true})
}

// NewEnforcerWithOptionalFile does the same with a file that may be missing, at
// first or at times: then the set alone is in force.
func NewEnforcerWithOptionalFile(set Set, path string, options ...Option) (*Enforcer, error) {
	return newEnforcer(&Enforcer{set: set, options: options, path: path})
}

func newEnforcer(e *Enforcer) (*Enforcer, error) {
	if err := e.useDefaults(); err != nil {
		return nil, err
	}
	if _, err := e.Reload(); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Enforcer) useDefaults() error {
	p, err := NewPolicy(e.set, nil, e.options...)
	if err == nil {
		e.current.Store(p)
	}
	return err
}

// Policy gives the policy in force.
func (e *Enforcer) Policy() *Policy { return e.current.Load() }

// Enforce asks the policy in force.
func (e *Enforcer) Enforce(rule string, t *Target, id *Identity) bool {
	return e.Policy().Enforce(rule, t, id)
}

// Reload loads the file again if its time, size or inode changed, and tells
// whether a new policy is in force. When the new file is bad or gone, the old
// policy stays and each call gives the error, the same value while the file
// stays the same. The caller decides how often to ask; it costs one stat.
func (e *Enforcer) Reload() (changed bool, err error) {
	if e.path == "" {
		return false, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// Looked at before reading: a write in between shows at the next call.
	info, err := os.Stat(e.path)
	if errors.Is(err, fs.ErrNotExist) && !e.needed {
		return e.withoutFile()
	}
	if err != nil {
		return false, e.gone(err)
	}
	if e.seen != nil && sameVersion(e.seen, info) {
		return false, e.bad
	}
	p, err := e.load()
	e.seen, e.bad = info, err
	if err != nil {
		return false, err
	}
	e.current.Store(p)
	return true, nil
}

// withoutFile goes back to the set alone when the file has been taken away.
func (e *Enforcer) withoutFile() (changed bool, err error) {
	if e.seen == nil && e.bad == nil {
		return false, nil
	}
	e.seen, e.bad = nil, nil
	return true, e.useDefaults()
}

func (e *Enforcer) gone(err error) error {
	if e.seen != nil || e.bad == nil {
		e.seen, e.bad = nil, fmt.Errorf("policy file: %w", err)
	}
	return e.bad
}

func (e *Enforcer) load() (*Policy, error) {
	o, err := LoadFile(e.path)
	if err != nil {
		return nil, err
	}
	return NewPolicy(e.set, o, e.options...)
}

func sameVersion(a, b fs.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}
