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
// answer to the one before is complete.
type Load struct {
	Addr        string   // address and port, both numeric
	Connections int      // all are opened before the first request
	Requests    [][]byte // whole HTTP/1.1 requests, taken in turn
	Count       int      // requests in all
	Status      int      // that every answer must have

	// OnBody, if set, is given the body of each answer, for the time of the
	// call.
	OnBody func(body []byte) `json:"-"`
}

// Result is what a Load has seen.
type Result struct {
	Elapsed  time.Duration // from the first request to the last answer
	P50, P99 time.Duration // from a request's first byte sent to the answer's last
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
	if load.Count <= 0 || load.Connections <= 0 || len(load.Requests) == 0 {
		return Result{}, errors.New("a load of nothing")
	}
	l := &loop{load: &load, buffer: make([]byte, readBuffer), latencies: make([]time.Duration, 0, load.Count)}
	defer l.close()
	if err := l.open(); err != nil {
		return Result{}, fmt.Errorf("connecting to %s: %w", load.Addr, err)
	}
	start := time.Now()
	if err := l.run(ctx); err != nil {
		return Result{}, fmt.Errorf("after %d answers of %s: %w", len(l.latencies), load.Addr, err)
	}
	elapsed := time.Since(start)
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
	sent      int
	latencies []time.Duration // one for each answer
	buffer    []byte
}

// conn is one connection; its index in loop.conns is its name in epoll.
type conn struct {
	fd     int
	start  time.Time // of the request under way
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
		l.conns = append(l.conns, &conn{fd: fd, answer: answer{keep: l.load.OnBody != nil}})
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
		if err := l.send(c); err != nil {
			return err
		}
	}
	events := make([]syscall.EpollEvent, 128)
	last := time.Now()
	for len(l.latencies) < l.load.Count {
		n, err := syscall.EpollWait(l.epoll, events, pollTimeout)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if n <= 0 {
			if time.Since(last) > stallLimit {
				return errStalled
			}
			continue
		}
		for i := range events[:n] {
			if err := l.receive(l.conns[events[i].Fd]); err != nil {
				return err
			}
		}
		last = time.Now()
	}
	return nil
}

// send sends the next request, if there is one. A request is far smaller than
// a socket's buffer, and there is one at a time: it goes out whole.
func (l *loop) send(c *conn) error {
	if l.sent == l.load.Count {
		return nil
	}
	request := l.load.Requests[l.sent%len(l.load.Requests)]
	l.sent++
	c.start = time.Now()
	n, err := syscall.Write(c.fd, request)
	if err == nil && n < len(request) {
		err = errors.New("a request did not fit into the socket")
	}
	return err
}

// receive takes what has come on a connection, and sends its next request when
// the answer is whole.
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
	if c.answer.status != l.load.Status {
		return fmt.Errorf("status %d, want %d", c.answer.status, l.load.Status)
	}
	l.latencies = append(l.latencies, time.Since(c.start))
	if l.load.OnBody != nil {
		l.load.OnBody(c.answer.body)
	}
	c.answer.reset()
	return l.send(c)
}
