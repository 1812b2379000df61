package actors

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// Event tells the compute service what became of the bind of an instance's
// ARQs. It is stored in the batch that made it true, and goes out at least
// once.
type Event struct {
	ID        uuid.UUID // version 7: sorts in order of the batches
	Instance  uuid.UUID
	RequestID string
	Created   int64 // Unix milliseconds
	ARQs      []EventARQ
	// Held says that readers do not see yet what the event tells; see hold.go.
	Held bool
}

// EventARQ is one ARQ of an Event: bound, or failed.
type EventARQ struct {
	UUID      uuid.UUID
	Completed bool
}

// ErrRefused is wrapped by the error of a Notifier whose event was refused for
// good: it is not to be sent again.
var ErrRefused = errors.New("the event is refused for good")

// Notifier delivers events. It returns nil when the event was taken; any error
// but ErrRefused means: again later. It is called from several goroutines,
// never twice at a time for one instance, in order per instance. The state that
// an event tells of can be read before the call.
type Notifier interface {
	Notify(ctx context.Context, e *Event) error
}

// NotifierFunc is a function used as a Notifier.
type NotifierFunc func(ctx context.Context, e *Event) error

// Notify calls f.
func (f NotifierFunc) Notify(ctx context.Context, e *Event) error { return f(ctx, e) }
