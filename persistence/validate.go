package persistence

import "fmt"

// maxKind is the longest Kind in bytes.
const maxKind = 32

// fewKeys is the size up to which comparing all pairs is cheaper than a map.
const fewKeys = 16

// Validate says whether the transition keeps the rules of this package that
// need no store to check: proper kinds, each key once, each claim once, no
// Delete of nothing. Its errors wrap ErrInvalid. Adapters call it in Submit.
func (t Transition) Validate() error {
	for _, d := range t.Deletes {
		if d.Expected == 0 {
			return fmt.Errorf("%w: delete of %s expects no record", ErrInvalid, d.Key)
		}
	}
	if err := t.validateKeys(); err != nil {
		return err
	}
	return t.validateClaims()
}

func (t Transition) validateKeys() error {
	seen := newSet[Key](len(t.Checks) + len(t.Puts) + len(t.Deletes))
	for _, c := range t.Checks {
		if err := validateKey(seen, c.Key); err != nil {
			return err
		}
	}
	for i := range t.Puts {
		if err := validateKey(seen, t.Puts[i].Key); err != nil {
			return err
		}
	}
	for _, d := range t.Deletes {
		if err := validateKey(seen, d.Key); err != nil {
			return err
		}
	}
	return nil
}

func validateKey(seen *set[Key], k Key) error {
	if !k.Kind.valid() {
		return fmt.Errorf("%w: kind %q", ErrInvalid, string(k.Kind))
	}
	if !seen.add(k) {
		return fmt.Errorf("%w: %s twice", ErrInvalid, k)
	}
	return nil
}

func (t Transition) validateClaims() error {
	n := 0
	for i := range t.Puts {
		n += len(t.Puts[i].Claims)
	}
	if n < 2 {
		return nil
	}
	seen := newSet[Claim](n)
	for i := range t.Puts {
		for _, c := range t.Puts[i].Claims {
			if !seen.add(c) {
				return fmt.Errorf("%w: claim %s twice", ErrInvalid, c)
			}
		}
	}
	return nil
}

func (k Kind) valid() bool {
	if k == "" || len(k) > maxKind {
		return false
	}
	for i := range len(k) {
		if c := k[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// set remembers what was added to it. Transitions are small as a rule: up to
// fewKeys elements it is an array on the caller's stack.
type set[T comparable] struct {
	few  [fewKeys]T
	n    int
	many map[T]struct{}
}

func newSet[T comparable](size int) *set[T] {
	s := &set[T]{}
	if size > fewKeys {
		s.many = make(map[T]struct{}, size)
	}
	return s
}

// add reports whether v was not there yet.
func (s *set[T]) add(v T) bool {
	if s.many != nil {
		n := len(s.many)
		s.many[v] = struct{}{}
		return len(s.many) > n
	}
	for i := range s.n {
		if s.few[i] == v {
			return false
		}
	}
	s.few[s.n] = v
	s.n++
	return true
}
