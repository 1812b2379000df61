package http

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a connection that counts how often deadlines are set.
type counted struct {
	net.Conn
	reads, writes int
}

func (c *counted) SetReadDeadline(t time.Time) error {
	c.reads++
	return c.Conn.SetReadDeadline(t)
}

func (c *counted) SetWriteDeadline(t time.Time) error {
	c.writes++
	return c.Conn.SetWriteDeadline(t)
}

func pipe(t *testing.T, g grains) (client net.Conn, server *connection, count *counted) {
	t.Helper()
	client, end := net.Pipe()
	count = &counted{Conn: end}
	server = connectionOf(newConnection(count, g))
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server, count
}

// TestDeadlinesAreKept: never earlier than promised, and at most a grain later,
// whatever was in force before.
func TestDeadlinesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const grain = 2 * time.Second
		_, server, _ := pipe(t, grains{grain, grain})
		operations := map[string]struct {
			set func(time.Time) error
			do  func([]byte) (int, error)
		}{
			"read":  {server.SetReadDeadline, server.Read},
			"write": {server.SetWriteDeadline, server.Write},
		}
		limits := []time.Duration{75 * time.Second, 30 * time.Second, 31 * time.Second, 29 * time.Second, 0, time.Minute}
		for name, op := range operations {
			for _, limit := range limits {
				begin := time.Now()
				if err := op.set(begin.Add(limit)); err != nil {
					t.Fatal(err)
				}
				_, err := op.do(make([]byte, 1))
				took := time.Since(begin)
				if !errors.Is(err, os.ErrDeadlineExceeded) || took < limit || took > limit+grain {
					t.Errorf("%s with a limit of %s: %v after %s", name, limit, err, took)
				}
			}
		}
	})
}

// TestDeadlinesAreForgotten: without one a client is waited for.
func TestDeadlinesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, _ := pipe(t, grains{time.Second, time.Second})
		if err := errors.Join(server.SetDeadline(time.Now().Add(time.Minute)), server.SetDeadline(time.Time{})); err != nil {
			t.Fatal(err)
		}
		go func() {
			<-time.After(time.Hour)
			_, _ = client.Write([]byte("x"))
		}()
		if _, err := server.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
}

// TestWriteUnderWayIsCutOff: another goroutine may end it.
func TestWriteUnderWayIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server, _ := pipe(t, grains{time.Second, time.Second})
		if err := server.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		begin, written := time.Now(), make(chan error)
		go func() {
			_, err := server.Write([]byte("x"))
			written <- err
		}()
		synctest.Wait()
		if err := server.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := <-written; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) > 2*time.Minute {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

// TestWhatIsNotedOfADeadlineIsInForce: a backup sets one for each piece while the
// engine sets that of the answer.
func TestWhatIsNotedOfADeadlineIsInForce(t *testing.T) {
	d, begin := deadline{grain: time.Second}, time.Now()
	var inForce time.Time
	other := make(chan error, 1)
	err := d.set(begin.Add(time.Hour), func(at time.Time) error {
		inForce = at
		done := make(chan struct{})
		go func() {
			defer close(done)
			other <- d.set(begin.Add(time.Minute), func(at time.Time) error {
				inForce = at
				return nil
			})
		}()
		select { // it is quicker, or waits
		case <-done:
		case <-time.After(20 * time.Millisecond):
		}
		return nil
	})
	if err := errors.Join(err, <-other); err != nil {
		t.Fatal(err)
	}
	if noted := start.Add(time.Duration(d.ends.Load())); !noted.Equal(inForce) {
		t.Errorf("in %s one is in force, and %s are noted", inForce.Sub(begin), noted.Sub(begin))
	}
}

// TestDeadlinesOfARequestAreHardlyEverSet: what the engine asks for with every
// request changes nothing most of the time, and the rest of a request that is
// there already needs no deadline.
func TestDeadlinesOfARequestAreHardlyEverSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opt := Options{}.withDefaults()
		client, server, count := pipe(t, grainsOf(opt))
		const requests, apart = 1000, 10 * time.Millisecond
		go func() {
			for range requests {
				<-time.After(apart)
				_, _ = client.Write([]byte("request"))
				_, _ = client.Read(make([]byte, 16))
			}
		}()
		for range requests {
			err := errors.Join(
				server.SetReadDeadline(time.Now().Add(opt.IdleTimeout)), readOnce(server),
				server.SetReadDeadline(time.Now().Add(opt.ReadTimeout)),
				server.SetWriteDeadline(time.Now().Add(opt.WriteTimeout)), writeOnce(server))
			if err != nil {
				t.Fatal(err)
			}
		}
		most := int(requests*apart/grainsOf(opt).read) + 2
		if count.reads > most || count.writes > most {
			t.Errorf("in %d requests: %d and %d deadlines, want at most %d", requests, count.reads, count.writes, most)
		}
	})
}

func readOnce(c net.Conn) error {
	_, err := c.Read(make([]byte, 16))
	return err
}

func writeOnce(c net.Conn) error {
	_, err := c.Write([]byte("answer"))
	return err
}

// TestSilentClientDoesNotHoldAHandshake: it is not waited for longer than for
// any other first byte.
func TestSilentClientDoesNotHoldAHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, end := net.Pipe()
		defer end.Close()
		conn := newConnection(tls.Server(end, &tls.Config{MinVersion: tls.VersionTLS13}), grains{time.Second, time.Second})
		secure, ok := conn.(*secureConnection)
		if !ok {
			t.Fatalf("%T, want one over TLS", conn)
		}
		if err := secure.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		err := secure.Handshake()
		if took := time.Since(begin); !errors.Is(err, os.ErrDeadlineExceeded) || took < 30*time.Second || took > 31*time.Second {
			t.Errorf("%v after %s", err, took)
		}
	})
}
