package persistence

import (
	"context"
	"errors"
	"fmt"
)

// Check is a condition without a write: the record has exactly this
// generation. Generation 0 means that there is no such record.
type Check struct {
	Key        Key
	Generation uint64
}

// Put writes a record whose present generation is Expected (0: there is none).
// The stored generation becomes Expected+1. Body, Indexes and Claims replace
// what was there; a claim that the record no longer carries is given up.
type Put struct {
	Key      Key
	Expected uint64
	Body     []byte
	Indexes  []Index
	Claims   []Claim
}

// Delete removes a record whose present generation is Expected (at least 1),
// and gives up its claims.
type Delete struct {
	Key      Key
	Expected uint64
}

// Transition is one atomic, conditional change: all of it is written, or
// nothing. A key appears at most once in it, and so does a claim; a claim may
// move from one record of it to another (see Validate). The store keeps the
// slices until the outcome is known; the caller must not alter them. A
// transition without writes is Won when its checks hold.
type Transition struct {
	Checks  []Check
	Puts    []Put
	Deletes []Delete
	// Relief marks a change that gives something back or ends what was
	// begun. A store that is short of space goes on taking these after it
	// has begun to refuse all others.
	Relief bool
}

// Outcome is what became of a Transition.
type Outcome uint8

const (
	// Unknown means that the store cannot tell. The writer must look (Fresh)
	// before it tells anybody either success or refusal.
	Unknown Outcome = iota
	// Won means that the transition is durable.
	Won
	// Lost means that nothing of the transition was written: a condition did
	// not hold or a claim is another record's (Err is nil), or the store did
	// not take it (Err says why and wraps ErrUnavailable or ErrInvalid).
	Lost
)

// String gives the outcome's name.
func (o Outcome) String() string {
	switch o {
	case Won:
		return "won"
	case Lost:
		return "lost"
	case Unknown:
	}
	return "unknown"
}

// Result is the outcome of one Transition and its cause where there is one.
type Result struct {
	Outcome Outcome
	Err     error
}

var (
	// ErrUnavailable is wrapped by the error of every Result and call that
	// failed because the store cannot serve at present: closed, read-only
	// after a failed commit, short of space, not yet recovered.
	ErrUnavailable = errors.New("store unavailable")
	// ErrFailed is wrapped, beside ErrUnavailable, where a store takes nothing
	// more until it is opened again, because a write failed. What became of that
	// write nobody can tell before: what is read of it may not be on disk.
	ErrFailed = errors.New("store failed")
	// ErrInvalid is wrapped where a transition breaks the rules of this
	// package (too large, a key twice): a programming error of the caller.
	ErrInvalid = errors.New("invalid transition")
	// ErrTooLarge is wrapped where a transition, or a record of it, is larger
	// than the store takes. It wraps ErrInvalid, but may be a client's doing,
	// who asks for much at once.
	ErrTooLarge = fmt.Errorf("%w: too large", ErrInvalid)
	// ErrCorrupt is wrapped where stored bytes fail their checksum or cannot
	// be decoded. Such bytes are never returned.
	ErrCorrupt = errors.New("corrupt record")
	// ErrNotFound says that there is no such record.
	ErrNotFound = errors.New("record not found")
)

// Query asks for records of a kind in ascending order of id.
type Query struct {
	Kind Kind
	// Index, when its Name is not empty, keeps only records that carry it.
	Index Index
	// After leaves out every id up to and including its own; the zero id is
	// the beginning.
	After Key
	// Limit is the most records wanted; 0 is all.
	Limit int
}

// Store keeps records. Its methods may be called from any goroutine.
type Store interface {
	// Recover visits every record once, ordered by kind and id, and must
	// return before the first Submit: while it goes, the adapter builds what
	// it needs to check conditions, so that a start costs one pass. A visit
	// error ends it and is returned. The body is the visitor's for the time
	// of the visit.
	Recover(ctx context.Context, visit func(Record) error) error

	// Submit queues a transition and returns. done is called exactly once,
	// when the outcome is known; results of transitions that were won are
	// reported in the order in which they became durable, one at a time.
	// done must not block and must not call Submit's store synchronously
	// (Submit itself is allowed). With a Won, everything is on disk.
	Submit(t Transition, done func(Result))

	// Load returns a record or an error wrapping ErrNotFound. It may be
	// served from a cache or a replica.
	Load(ctx context.Context, key Key) (Record, error)

	// Fresh returns the newest state of the keys, in their order; a record
	// that does not exist has Generation 0. It is never stale: every
	// transition whose outcome was reported before the call is in it. What is in
	// it is on disk, or else the error wraps ErrFailed.
	Fresh(ctx context.Context, keys []Key) ([]Record, error)

	// List answers a query. Embedded adapters serve a query by index by
	// walking the kind: no request path of arqd uses that there, because it
	// reads its own views.
	List(ctx context.Context, q Query) ([]Record, error)

	// Each visits a consistent picture of all records, ordered by kind and id.
	Each(ctx context.Context, visit func(Record) error) error

	// Close waits for queued transitions, then releases the store. It may be
	// called twice. Submit afterwards answers Lost with ErrUnavailable.
	Close() error
}

// Apply submits transitions together and waits for all outcomes, in order.
// When ctx ends first, the outcomes not known yet are Unknown.
func Apply(ctx context.Context, s Store, transitions []Transition) []Result {
	type indexed struct {
		i int
		r Result
	}
	results := make([]Result, len(transitions))
	answers := make(chan indexed, len(transitions))
	for i, t := range transitions {
		s.Submit(t, func(r Result) { answers <- indexed{i, r} })
	}
	for range transitions {
		select {
		case a := <-answers:
			results[a.i] = a.r
		case <-ctx.Done():
			for i := range results {
				if results[i].Outcome == Unknown && results[i].Err == nil {
					results[i].Err = ctx.Err()
				}
			}
			return results
		}
	}
	return results
}
