package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Load is a closed loop: each connection sends its next request as soon as the
// answer to the one before is complete. With a rate it is an open loop: requests
// are due at equal distances, whatever the server does; one that finds no idle
// connection is sent late, and its latency counts from when it was due.
type Load struct {
	Addr        string   // address and port, both numeric
	Connections int      // all are opened before the first request
	Requests    [][]byte // whole HTTP/1.1 requests, taken in turn
	Count       int      // requests in all
	Status      int      // that every answer must have
	Rate        float64  // requests a second; 0: a closed loop

	// Next, if set, gives a connection its next request and the status that
	// the answer must have, in place of Requests, Count and Status. It gets the
	// body of the answer before, nil at first, for the time of the call; with
	// no request the connection is done. Only a closed loop has it.
	Next func(connection int, body []byte) (request []byte, status int) `json:"-"`

	// OnBody, if set, is given the body of each answer, for the time of the
	// call.
	OnBody func(body []byte) `json:"-"`
}

// Result is what a Load has seen.
type Result struct {
	Elapsed  time.Duration // from the first request to the last answer
	P50, P99 time.Duration // from a request's first byte sent, or when that was due, to the answer's last
}

// errStalled: no connection has brought anything for stallLimit.
var errStalled = errors.New("no answer for 30 s")

const (
	stallLimit  = 30 * time.Second
	pollTimeout = 500 // ms: how late the end of a context may be noticed
	readBuffer  = 256 << 10
)

// Run carries out a Load. It fails at the first answer with another status and
// at the first connection that breaks.
//
// One thread serves all connections by epoll, past the runtime's own poller: a
// client that shares the processors with the server should need few of them.
func Run(ctx context.Context, load Load) (Result, error) {
	if load.Connections <= 0 || load.Next == nil && (load.Count <= 0 || len(load.Requests) == 0) {
		return Result{}, errors.New("a load of nothing")
	}
	l := &loop{load: &load, buffer: make([]byte, readBuffer), latencies: make([]time.Duration, 0, load.Count)}
	defer l.close()
	if err := l.open(); err != nil {
		return Result{}, fmt.Errorf("connecting to %s: %w", load.Addr, err)
	}
	l.begin = time.Now()
	if err := l.run(ctx); err != nil {
		return Result{}, fmt.Errorf("after %d answers of %s: %w", len(l.latencies), load.Addr, err)
	}
	elapsed := time.Since(l.begin)
	slices.Sort(l.latencies)
	return Result{Elapsed: elapsed, P50: percentile(l.latencies, 50), P99: percentile(l.latencies, 99)}, nil
}

// percentile gives the least value that p percent of the sorted ones do not
// exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// loop is a Load under way.
type loop struct {
	load      *Load
	epoll     int // 0: not open
	conns     []*conn
	idle      []*conn // of an open loop
	begin     time.Time
	sent      int
	latencies []time.Duration // one for each answer
	buffer    []byte
}

// conn is one connection; its index in loop.conns is its name in epoll.
type conn struct {
	index  int
	fd     int
	start  time.Time // of the request under way
	status int       // that its answer must have
	answer answer
}

func (l *loop) open() error {
	addr, err := netip.ParseAddrPort(l.load.Addr)
	if err != nil {
		return err
	}
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	for i := range l.load.Connections {
		fd, err := dial(addr)
		if err != nil {
			return err
		}
		l.conns = append(l.conns, &conn{index: i, fd: fd, answer: answer{keep: l.load.OnBody != nil || l.load.Next != nil}})
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}
		if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) close() {
	for _, c := range l.conns {
		_ = syscall.Close(c.fd)
	}
	if l.epoll > 0 {
		_ = syscall.Close(l.epoll)
	}
}

// dial opens a socket that does not block any more once it is connected.
func dial(addr netip.AddrPort) (int, error) {
	family, to := syscall.AF_INET, syscall.Sockaddr(&syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	if addr.Addr().Is6() {
		family, to = syscall.AF_INET6, &syscall.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = errors.Join(
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.Connect(fd, to),
		syscall.SetNonblock(fd, true))
	if err != nil {
		return 0, errors.Join(err, syscall.Close(fd))
	}
	return fd, nil
}

func (l *loop) run(ctx context.Context) error {
	for _, c := range l.conns {
		if err := l.next(c); err != nil {
			return err
		}
	}
	events := make([]syscall.EpollEvent, 128)
	last := time.Now()
	for {
		due, err := l.release()
		if err != nil || len(l.latencies) == l.sent && due < 0 {
			return err
		}
		n, err := l.wait(events, due)
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if n == 0 && len(l.latencies) < l.sent && time.Since(last) > stallLimit {
			return errStalled
		}
		for i := range events[:n] {
			if err := l.receive(l.conns[events[i].Fd]); err != nil {
				return err
			}
		}
		if n > 0 || len(l.latencies) == l.sent {
			last = time.Now()
		}
	}
}

// release sends the requests of an open loop that are due and have a
// connection. It gives the time until the next one is due; -1: answers are to be
// waited for.
func (l *loop) release() (due time.Duration, err error) {
	for l.load.Rate > 0 && l.sent < l.load.Count && len(l.idle) > 0 {
		start := l.begin.Add(time.Duration(float64(l.sent) / l.load.Rate * float64(time.Second)))
		if due = time.Until(start); due > 0 {
			return due, nil
		}
		c := l.idle[len(l.idle)-1]
		l.idle = l.idle[:len(l.idle)-1]
		if err := l.send(c, l.load.Requests[l.sent%len(l.load.Requests)], start); err != nil {
			return 0, err
		}
	}
	return -1, nil
}

// wait waits for answers, no longer than for what is due; epoll's own timeout
// counts in milliseconds, which is too coarse for that.
func (l *loop) wait(events []syscall.EpollEvent, due time.Duration) (n int, err error) {
	if due < 0 {
		n, err = syscall.EpollWait(l.epoll, events, pollTimeout)
	} else {
		n, err = epollWait(l.epoll, events, due)
	}
	if errors.Is(err, syscall.EINTR) {
		return 0, nil
	}
	return n, err
}

// next gives a connection what it does next: at the start, and after an answer.
func (l *loop) next(c *conn) error {
	body := c.answer.body
	c.answer.reset()
	c.status = l.load.Status
	switch {
	case l.load.Next != nil:
		var request []byte
		if request, c.status = l.load.Next(c.index, body); len(request) == 0 {
			return nil
		}
		return l.send(c, request, time.Now())
	case l.load.Rate > 0:
		l.idle = append(l.idle, c)
	case l.sent < l.load.Count:
		return l.send(c, l.load.Requests[l.sent%len(l.load.Requests)], time.Now())
	}
	return nil
}

// send sends a request. It is far smaller than a socket's buffer, and there is
// one at a time: it goes out whole.
func (l *loop) send(c *conn, request []byte, start time.Time) error {
	l.sent++
	c.start = start
	n, err := syscall.Write(c.fd, request)
	if err == nil && n < len(request) {
		err = errors.New("a request did not fit into the socket")
	}
	return err
}

// receive takes what has come on a connection, and has it go on when the answer
// is whole.
func (l *loop) receive(c *conn) error {
	n, err := syscall.Read(c.fd, l.buffer)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errors.New("the server closed a connection")
	}
	whole, err := c.answer.feed(l.buffer[:n])
	if err != nil || !whole {
		return err
	}
	if c.answer.status != c.status {
		return fmt.Errorf("status %d, want %d: %.200q", c.answer.status, c.status, c.answer.body)
	}
	l.latencies = append(l.latencies, time.Since(c.start))
	if l.load.OnBody != nil {
		l.load.OnBody(c.answer.body)
	}
	return l.next(c)
}
