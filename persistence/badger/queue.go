package badger

import "sync"

// queue hands items from many goroutines to one, which takes all there are at
// once: one lock for a whole batch, where a channel would cost one for each.
type queue[T any] struct {
	mu     sync.Mutex
	work   sync.Cond // something was put, or the queue was closed
	items  []T
	closed bool
}

func newQueue[T any]() *queue[T] {
	q := &queue[T]{}
	q.work.L = &q.mu
	return q
}

// put adds an item. It returns false when the queue is closed.
func (q *queue[T]) put(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.items = append(q.items, item)
	if len(q.items) == 1 {
		q.work.Signal()
	}
	return true
}

// take waits for items and returns them all. The queue goes on with the memory
// of spare. It returns nothing when the queue is closed and empty.
func (q *queue[T]) take(spare []T) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && !q.closed {
		q.work.Wait()
	}
	items := q.items
	q.items = spare[:0]
	return items
}

func (q *queue[T]) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// close lets nothing more in. What is in the queue can still be taken.
func (q *queue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.work.Broadcast()
}
