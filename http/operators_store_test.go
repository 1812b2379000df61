package http

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// onLoopback serves the operators' listener of an API server on a port of this
// machine, and gives a function that connects to it.
func onLoopback(t *testing.T, api *harness) (o *Operators, dial func() net.Conn) {
	t.Helper()
	o = NewOperators(api.server, api.backend)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- o.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := o.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
	})
	return o, func() net.Conn {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

func TestBackupIsStreamed(t *testing.T) {
	api := serve(t)
	_, dial := onLoopback(t, api)
	entered, leave := make(chan struct{}), make(chan struct{})
	api.backend.backup = func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, "first, ")
		close(entered)
		<-leave
		_, err := io.WriteString(w, "second")
		return err
	}
	done := make(chan answer)
	go func() { done <- exchange(t, dial(), "GET", BackupPath, ask{}) }()
	<-entered
	if got := exchange(t, dial(), "GET", BackupPath, ask{}); got.status != 409 {
		t.Errorf("a second one at the same time: %d", got.status)
	}
	if got := exchange(t, dial(), "HEAD", BackupPath, ask{}); got.status != 405 {
		t.Errorf("HEAD: %d", got.status)
	}
	close(leave)
	if got := <-done; got.status != 200 || got.body != "first, second" {
		t.Errorf("%d %q", got.status, got.body)
	}
}

// TestBackupIsForThisMachine: who is not known to be on it gets none.
func TestBackupIsForThisMachine(t *testing.T) {
	api := serve(t)
	ops := operators(t, api) // its listener knows no addresses
	if got := ops.do("GET", BackupPath, ask{}); got.status != 403 {
		t.Errorf("status %d, want 403", got.status)
	}
}

// TestWhoIsOnThisMachine: a caller with an address of loopback, or with the very
// address that it calls.
func TestWhoIsOnThisMachine(t *testing.T) {
	for _, c := range []struct {
		remote, local string
		here          bool
	}{
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.1", "127.0.0.2", true},
		{"::1", "::1", true},
		{"192.0.2.7", "192.0.2.7", true},
		{"::ffff:192.0.2.7", "192.0.2.7", true},
		{"192.0.2.8", "192.0.2.7", false},
		{"2001:db8::8", "2001:db8::7", false},
		{"0.0.0.0", "0.0.0.0", false}, // not known
	} {
		if got := onThisMachine(net.ParseIP(c.remote), net.ParseIP(c.local)); got != c.here {
			t.Errorf("%s to %s: %v, want %v", c.remote, c.local, got, c.here)
		}
	}
}

// TestBackupIsBrokenOff by the end of the service, by a reader that leaves and
// by a bug: nobody waits for it, and the next one is served.
func TestBackupIsBrokenOff(t *testing.T) {
	api := serve(t)
	o, dial := onLoopback(t, api)
	gone := make(chan error, 1)
	api.backend.backup = func(ctx context.Context, w io.Writer) error {
		for ctx.Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				gone <- err
				return err
			}
		}
		gone <- ctx.Err()
		return ctx.Err()
	}
	conn := dial()
	if _, err := conn.Write([]byte("GET " + BackupPath + " HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1<<18)); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := <-gone; err == nil {
		t.Error("a reader that left was not noticed")
	}

	again := api.backend.backup
	api.backend.backup = func(context.Context, io.Writer) error { panic("boom") }
	for o.backingUp.Load() { // until the one above has left
		<-time.After(time.Millisecond)
	}
	if got := exchange(t, dial(), "GET", BackupPath, ask{}); got.status != 200 || got.body != "" {
		t.Errorf("%d %q", got.status, got.body)
	}
	api.log.find(t, "panic in a backup")

	api.backend.backup = again
	for o.backingUp.Load() {
		<-time.After(time.Millisecond)
	}
	conn = dial()
	go func() { _, _ = conn.Write([]byte("GET " + BackupPath + " HTTP/1.1\r\nHost: a\r\n\r\n")) }()
	if _, err := io.ReadFull(conn, make([]byte, 1<<18)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	o.end()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the end of the service", err)
	}
}

// TestShutdownWaitsForNoReader: one that has asked for a backup and does not
// read it keeps the service no longer than it lives.
func TestShutdownWaitsForNoReader(t *testing.T) {
	api := serve(t)
	o, dial := onLoopback(t, api)
	begun, gone := make(chan struct{}), make(chan error, 1)
	api.backend.backup = func(_ context.Context, w io.Writer) error {
		close(begun)
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				gone <- err
				return err
			}
		}
	}
	if _, err := dial().Write([]byte("GET " + BackupPath + " HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	<-begun
	<-time.After(100 * time.Millisecond) // until nothing more goes into the connection, mostly
	ctx, cancel := context.WithTimeout(t.Context(), backupPatience/3)
	defer cancel()
	if err := o.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	<-gone
}
