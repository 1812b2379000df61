package actors

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// witness is the engine to a mailbox. It waits with each message until it may go
// on.
type witness struct {
	goOn chan struct{} // nil: at once
	mu   sync.Mutex
	seen []string
	done chan struct{} // after each
}

func newWitness() *witness { return &witness{done: make(chan struct{}, 1<<20)} }

func (w *witness) see(kind string, msg any) {
	if w.goOn != nil {
		<-w.goOn
	}
	w.mu.Lock()
	w.seen = append(w.seen, fmt.Sprint(kind, msg))
	w.mu.Unlock()
	w.done <- struct{}{}
}

func (w *witness) InvokeSystemMessage(msg any) { w.see("s", msg) }

func (w *witness) InvokeUserMessage(msg any) {
	if msg == "panic" {
		panic("of the engine")
	}
	w.see("u", msg)
}

func (w *witness) EscalateFailure(reason, msg any) { w.see(fmt.Sprint("f:", reason, ":"), msg) }

func (w *witness) await(t *testing.T, n int, want ...string) {
	t.Helper()
	for range n {
		<-w.done
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if want != nil && !slices.Equal(w.seen, want) {
		t.Errorf("seen %q, want %q", w.seen, want)
	}
}

func mailboxOf(w *witness) actor.Mailbox {
	m := newMailbox(&runners{})
	m.RegisterHandlers(w, nil)
	m.Start()
	return m
}

func TestMailboxKeepsOrderAndPutsTheEnginesFirst(t *testing.T) {
	w := newWitness()
	w.goOn = make(chan struct{})
	m := mailboxOf(w)
	m.PostUserMessage(0) // is being handled while the others come
	var want []string
	for i := 1; i < 20; i++ {
		m.PostUserMessage(i)
		want = append(want, fmt.Sprint("u", i))
	}
	for m.UserMessageCount() != 19 { // until the first is out
		runtime.Gosched()
	}
	m.PostSystemMessage("a")
	m.PostSystemMessage("b")
	close(w.goOn)
	w.await(t, 22, append([]string{"u0", "sa", "sb"}, want...)...)
}

func TestMailboxGoesOnAfterAPanic(t *testing.T) {
	w := newWitness()
	m := mailboxOf(w)
	m.PostUserMessage("panic")
	m.PostUserMessage("after")
	w.await(t, 2, "f:of the engine:panic", "uafter")
}

func TestMailboxIsSuspended(t *testing.T) {
	w := newWitness()
	m := mailboxOf(w)
	m.PostSystemMessage(&actor.SuspendMailbox{})
	m.PostUserMessage(1)
	m.PostSystemMessage("s")
	w.await(t, 1, "ss")
	m.PostSystemMessage(&actor.ResumeMailbox{})
	w.await(t, 1, "ss", "u1")
}

// Each of many senders is heard in its order, and nothing is lost or twice.
func TestMailboxOfManySenders(t *testing.T) {
	const senders, each = 8, 3000
	w := newWitness()
	m := mailboxOf(w)
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range each {
				m.PostUserMessage([2]int{s, i})
			}
		})
	}
	all.Wait()
	w.await(t, senders*each)
	var next [senders]int
	for _, text := range w.seen {
		var s, i int
		if _, err := fmt.Sscanf(text, "u[%d %d]", &s, &i); err != nil || next[s] != i {
			t.Fatalf("%s comes when %d is due (%v)", text, next[s], err)
		}
		next[s]++
	}
}

// A box that is never empty does not grow with what went through it.
func TestLettersTakeNoMoreRoomThanWaits(t *testing.T) {
	var l letters
	l.put(-1)
	for i := range 100_000 {
		l.put(i)
		if got := l.take(); got != i-1 {
			t.Fatalf("%v, want %d", got, i-1)
		}
	}
	if cap(l.waiting) > 8 {
		t.Errorf("room for %d letters, where one waits", cap(l.waiting))
	}
}

// A visitor handles a few messages himself; others go on with the rest.
func TestMailboxIsVisited(t *testing.T) {
	w := newWitness()
	m := newMailbox(&runners{})
	m.RegisterHandlers(w, nil)
	if !m.put(1) {
		t.Fatal("an idle box says that it is not")
	}
	for i := range fewMessages {
		if m.put(i + 2) {
			t.Fatal("a box that is about to be visited says that it is idle")
		}
	}
	m.visit()
	if len(w.done) < fewMessages {
		t.Errorf("%d messages were handled by the visitor, want %d", len(w.done), fewMessages)
	}
	w.await(t, fewMessages+1, "u1", "u2", "u3", "u4", "u5")
	for !m.put(6) { // until the runner has left
		w.await(t, 1)
	}
	m.visit()
	w.await(t, 1)
}

func TestMailboxGoesOnAfterAPanicOfItsVisit(t *testing.T) {
	w := newWitness()
	m := newMailbox(&runners{})
	m.RegisterHandlers(w, nil)
	m.put("panic")
	m.put(1)
	m.visit()
	w.await(t, 2, "f:of the engine:panic", "u1")
}
