package admission

// flow is what is known of a caller: those of it that wait, and how many there
// are of it at all.
type flow struct {
	caller  Caller
	queues  [stages]list
	waiting int // in queues
	aside   int
	present int // waiting, working and aside
	refused int // since the last report

	after, before *flow // in the ring of its class
}

// mostIdle bounds the callers that are remembered although nothing is there of
// them: a map entry each, made again when it is needed.
const mostIdle = 1024

func (g *Gate) flowOf(c Caller) *flow {
	if f := g.flows[c]; f != nil {
		return f
	}
	if len(g.flows) >= mostIdle {
		for known, f := range g.flows {
			if f.present == 0 {
				delete(g.flows, known)
			}
		}
	}
	c.Project = string([]byte(c.Project)) // the text may be the request's
	f := &flow{caller: c}
	g.flows[c] = f
	return f
}

// next is the one to be admitted of those who wait.
func (f *flow) next(newest bool) *Pass {
	for i := range f.queues {
		switch q := &f.queues[i]; {
		case q.length == 0:
		case newest:
			return q.last
		default:
			return q.head
		}
	}
	return nil
}

// class is a ring of the flows that wait.
type class struct {
	head   *flow
	length int
}

func (c *class) push(f *flow) {
	c.length++
	if c.head == nil {
		f.after, f.before = f, f
		c.head = f
		return
	}
	last := c.head.before
	f.before, f.after = last, c.head
	last.after, c.head.before = f, f
}

func (c *class) remove(f *flow) {
	c.length--
	switch {
	case f.after == f:
		c.head = nil
	case c.head == f:
		c.head = f.after
	}
	f.before.after, f.after.before = f.after, f.before
	f.after, f.before = nil, nil
}

// turn gives the flow whose turn it is; it is the last one's after it.
func (c *class) turn() *flow {
	f := c.head
	c.head = f.after
	return f
}

// all gives the flows of the ring, which may leave it then.
func (c *class) all() []*flow {
	var all []*flow
	for f := c.head; f != nil; f = f.after {
		all = append(all, f)
		if f.after == c.head {
			break
		}
	}
	return all
}

// list is one of passes, in order.
type list struct {
	head, last *Pass
	length     int
}

func (l *list) push(p *Pass) {
	p.in, p.prev, p.next = l, l.last, nil
	if l.last == nil {
		l.head = p
	} else {
		l.last.next = p
	}
	l.last = p
	l.length++
}

func (l *list) remove(p *Pass) {
	if p.prev == nil {
		l.head = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		l.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.in, p.prev, p.next = nil, nil, nil
	l.length--
}
