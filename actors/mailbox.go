package actors

import (
	"runtime"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox is what an actor of ours gets its messages from, in the order in which
// they were sent; the engine's own messages go first. The engine brings mailboxes
// of its own. This one needs no memory for a message, and hardly any for itself:
// an operation is an actor that lives for four messages.
type mailbox struct {
	invoker actor.MessageInvoker
	runners *runners
	process func() // m.run, made once

	mu        sync.Mutex
	system    letters
	user      letters
	running   bool
	suspended bool
	room      [4]any // for the first letters
}

var _ actor.Mailbox = (*mailbox)(nil)

func newMailbox(r *runners) *mailbox {
	m := &mailbox{runners: r}
	m.process = m.run
	m.system.waiting, m.user.waiting = m.room[:0:2], m.room[2:2:4]
	return m
}

// letters are messages that wait.
type letters struct {
	waiting []any
	next    int // the first of them
}

// mostKept is how many letters an empty box keeps the memory of.
const mostKept = 64

func (l *letters) put(msg any) {
	if n := len(l.waiting); n == cap(l.waiting) && l.next > n/2 { // it may never become empty
		left := copy(l.waiting, l.waiting[l.next:])
		clear(l.waiting[left:])
		l.waiting, l.next = l.waiting[:left], 0
	}
	l.waiting = append(l.waiting, msg)
}

func (l *letters) take() any {
	if l.next == len(l.waiting) {
		return nil
	}
	msg := l.waiting[l.next]
	l.waiting[l.next] = nil
	l.next++
	if l.next == len(l.waiting) {
		l.waiting, l.next = l.waiting[:0], 0
		if cap(l.waiting) > mostKept {
			l.waiting = nil
		}
	}
	return msg
}

// RegisterHandlers is called by the engine before anything else.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start is called by the engine; the first message starts us.
func (m *mailbox) Start() {}

// UserMessageCount gives the number of messages that wait.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.user.waiting) - m.user.next
}

// PostUserMessage queues a message of ours.
func (m *mailbox) PostUserMessage(msg any) { m.post(&m.user, msg) }

// PostSystemMessage queues a message of the engine.
func (m *mailbox) PostSystemMessage(msg any) { m.post(&m.system, msg) }

func (m *mailbox) post(to *letters, msg any) {
	if m.queue(to, msg) {
		m.begin()
	}
}

// put queues a message of ours. When it says true, nobody handles messages of this box,
// and the caller sees to it that somebody does: begin or visit.
func (m *mailbox) put(msg any) (idle bool) { return m.queue(&m.user, msg) }

func (m *mailbox) queue(to *letters, msg any) (idle bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	to.put(msg)
	idle = !m.running && (to == &m.system || !m.suspended)
	m.running = m.running || idle
	return idle
}

// begin has messages handled on another goroutine.
func (m *mailbox) begin() { m.runners.run(m.process) }

// visit handles messages here and now: the caller, who would only wait for that,
// spares a change of goroutines. When there are many, others go on with them.
func (m *mailbox) visit() {
	if m.handle(fewMessages) {
		m.begin()
	}
}

const (
	enough      = 300 // messages in a row, so that others get their turn
	fewMessages = 4   // that a visitor handles: his own, and some that were quicker
)

// run handles messages until there are none.
func (m *mailbox) run() {
	for m.handle(enough) {
		runtime.Gosched()
	}
}

// handle handles so many messages at most. It says true when there may be more: a
// panic ends it as well.
func (m *mailbox) handle(most int) (more bool) {
	var msg any
	defer func() {
		if p := recover(); p != nil {
			more = true
			m.invoker.EscalateFailure(p, msg)
		}
	}()
	for range most {
		var engines bool
		if msg, engines = m.take(); msg == nil {
			return false
		}
		if engines {
			m.invoker.InvokeSystemMessage(msg)
		} else {
			m.invoker.InvokeUserMessage(msg)
		}
	}
	return true
}

// take gives the next message, and says whether it is the engine's. Without one
// the box is not running any more.
func (m *mailbox) take() (msg any, engines bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		switch msg = m.system.take(); msg.(type) {
		case nil:
			if !m.suspended {
				msg = m.user.take()
			}
			m.running = msg != nil
			return msg, false
		case *actor.SuspendMailbox:
			m.suspended = true
		case *actor.ResumeMailbox:
			m.suspended = false
		default:
			return msg, true
		}
	}
}
