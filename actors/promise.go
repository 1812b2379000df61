package actors

import (
	"context"
)

// promise carries one answer from an actor, or from the store's completion,
// to the one caller that waits for it. It is never reused: a late answer to a
// caller that gave up finds nobody, instead of somebody else.
type promise[T any] struct {
	answer chan answer[T]
}

type answer[T any] struct {
	value T
	err   error
}

func newPromise[T any]() promise[T] {
	return promise[T]{answer: make(chan answer[T], 1)}
}

// resolve answers. Only the first answer counts.
func (p promise[T]) resolve(value T, err error) {
	select {
	case p.answer <- answer[T]{value, err}:
	default:
	}
}

// fail answers with an error.
func (p promise[T]) fail(err error) {
	var none T
	p.resolve(none, err)
}

// wait waits for the answer, for ctx or for the limit, whichever comes first.
func (p promise[T]) wait(ctx context.Context, limit *patience) (T, error) {
	var none T
	select {
	case a := <-p.answer:
		return a.value, a.err
	case <-limit.over():
		return none, Refuse(CodeTimeout, "no outcome within %s; the change may still be made", limit.limit)
	case <-ctx.Done():
		return none, failure(CodeTimeout, ctx.Err(), "the request was given up; the change may still be made")
	}
}
