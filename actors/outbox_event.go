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

// ErrRefused is wrapped by a Notifier's error for an event that was refused for
// good: it is not to be sent again.
var ErrRefused = errors.New("the event is refused for good")

// Notifier delivers events, some of different instances at a time. It gives the
// outcome of each, in their order: nil, it was taken; ErrRefused, it is refused for
// good; any other error, again later. No outcomes at all (nil) say that all were
// taken. After a panic, and with another number of outcomes, none is settled.
//
// It is called by several goroutines at a time, Options.Deliveries at most, but
// for each instance by one, with one event, in order: the next when the one
// before was taken, refused or given up. Each event comes once at least: also again
// after it was taken, when the process ended before that was on record, or when
// it is told again and again (Event.Held). The state that an event tells of can be
// read before the call. ctx ends when the service stops; what is not settled then
// comes after the next start.
type Notifier interface {
	Notify(ctx context.Context, events []*Event) []error
}

// NotifierFunc is a function used as a Notifier.
type NotifierFunc func(ctx context.Context, events []*Event) []error

// Notify calls f.
func (f NotifierFunc) Notify(ctx context.Context, events []*Event) []error { return f(ctx, events) }
