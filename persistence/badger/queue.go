package badger

import "sync"

// queue hands items from many goroutines to one, which takes all there are at
// once: one lock for a whole batch, where a channel would cost one for each.
type queue[T any] struct {
	mu     sync.Mutex
	work   sync.Cond // something was put, or the queue was closed
	room   sync.Cond // everything was taken, or the queue was closed
	limit  int
	items  []T
	closed bool
}

// newQueue makes a queue that holds up to limit items.
func newQueue[T any](limit int) *queue[T] {
	q := &queue[T]{limit: limit}
	q.work.L, q.room.L = &q.mu, &q.mu
	return q
}

// put adds an item, waiting for room where there is none. It returns false
// when the queue is closed.
func (q *queue[T]) put(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) >= q.limit && !q.closed {
		q.room.Wait()
	}
	if q.closed {
		return false
	}
	q.items = append(q.items, item)
	if len(q.items) == 1 {
		q.work.Signal()
	}
	return true
}

// putAll adds items whatever the limit.
func (q *queue[T]) putAll(items []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, items...)
	q.work.Signal()
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
	q.room.Broadcast()
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
	q.room.Broadcast()
}
