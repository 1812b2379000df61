package http

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/arqd/arqd/actors"
)

// listenTCP serves the harness on a socket as well.
func (h *harness) listenTCP(wrap func(net.Listener) net.Listener) net.Addr {
	h.t.Helper()
	ln, err := new(net.ListenConfig).Listen(h.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(wrap(ln)) }()
	h.t.Cleanup(func() {
		if err := errors.Join(h.server.Shutdown(context.Background()), <-served); err != nil {
			h.t.Error(err)
		}
	})
	return ln.Addr()
}

func plain(ln net.Listener) net.Listener { return ln }

// encrypted is TLS with a certificate of its own that nobody checks.
func encrypted(t *testing.T) func(net.Listener) net.Listener {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: private}},
	}
	return func(ln net.Listener) net.Listener { return tls.NewListener(ln, config) }
}

// Closing a socket with unread input resets it, and the client loses the
// answer: who is refused is heard out for a while.
func TestRefusalsReachClientsThatAreStillSending(t *testing.T) {
	h := serve(t, func(o *Options) { o.MaxHeaderBytes = 4096 })
	overTCP, overTLS := h.listenTCP(plain).String(), h.listenTCP(encrypted(t)).String()
	for name, tc := range map[string]struct {
		head   string
		status int
		words  string
	}{
		"body too long": {
			"POST /v2/device_profiles HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n", 413, "body",
		},
		"chunked body too long": {
			"POST /v2/device_profiles HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n400000\r\n", 413, "body",
		},
		"header too long": {"GET /v2 HTTP/1.1\r\nHost: a\r\nX-Long: ", 431, "headers"},
		"malformed":       {"junk\r\n\r\n", 400, "HTTP"},
	} {
		send := tc.head + strings.Repeat("x", 4<<20)
		t.Run(name, func(t *testing.T) {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", overTCP)
			if err != nil {
				t.Fatal(err)
			}
			sendAllThenRead(t, conn, send).fails(tc.status, tc.words)
		})
		t.Run(name+" over TLS", func(t *testing.T) {
			dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}}
			conn, err := dialer.DialContext(t.Context(), "tcp", overTLS)
			if err != nil {
				t.Fatal(err)
			}
			sendAllThenRead(t, conn, send).fails(tc.status, tc.words)
		})
	}
}

// A client that keeps its connection after a refusal is not waited for long.
func TestRefusedConnectionsAreLetGo(t *testing.T) {
	h := serve(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", h.listenTCP(plain).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "junk\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	readAnswer(t, conn, "raw", "junk").fails(400, "HTTP")
	select {
	case <-h.server.open.idle:
	case <-time.After(10 * lingerTime):
		t.Error("the connection is still held")
	}
}

// sendAllThenRead is a client that looks for an answer only when it has said
// all, and expects an orderly end of the connection.
func sendAllThenRead(t *testing.T, conn net.Conn, text string) answer {
	t.Helper()
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatalf("cut off while sending: %v", err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("cut off after %d bytes of the answer: %v", len(raw), err)
	}
	got := readAnswer(t, readOnly{Reader: bytes.NewReader(raw)}, "raw", text[:20])
	got.has("connection", "close")
	return got
}

type readOnly struct {
	net.Conn
	io.Reader
}

func (r readOnly) Read(p []byte) (int, error) { return r.Reader.Read(p) }

// Who waits for 100 (Continue) is not asked for a body that is too long.
func TestExpectedBodies(t *testing.T) {
	h := serve(t, func(o *Options) { o.MaxBodyBytes = 1000 })
	h.backend.createProfile = func(actors.ProfileSpec) (*actors.Profile, error) { return oneProfile(), nil }
	const head = "POST /v2/device_profiles HTTP/1.1\r\nHost: arqd.test\r\nX-Auth-Token: admin\r\n" +
		"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: "
	for length, want := range map[string]string{
		"1001": "HTTP/1.1 413 Request Entity Too Large", "31": "HTTP/1.1 100 Continue", "1000": "HTTP/1.1 100 Continue",
	} {
		conn := h.dial()
		if _, err := io.WriteString(conn, head+length+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || strings.TrimSpace(line) != want {
			t.Errorf("%s bytes: %q, %v, want %s", length, line, err, want)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	h.raw(head+"1001\r\n\r\n").fails(413, "body")
	const body = `[{"name": "a", "groups": [{}]}]`
	h.raw(head+"31\r\n\r\n"+body).gives(201, profileJSON)
}

// A connection that says nothing is closed without a word; one that stops in
// the middle of a request is told.
func TestSilentConnections(t *testing.T) {
	h := serve(t, func(o *Options) { o.ReadTimeout = 20 * time.Millisecond })
	addr := h.listenTCP(plain)
	socket, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{h.dial(), socket} {
		if said, err := io.ReadAll(conn); err != nil || len(said) > 0 {
			t.Errorf("%s: %q, %v", conn.LocalAddr().Network(), said, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(h.log.lines) > 0 {
		t.Errorf("logged: %v", h.log.lines)
	}
	for _, begun := range []string{
		"G", "GET /v2 HTTP/1.1\r\n", "POST /v2/device_profiles HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n[",
	} {
		h.raw(begun).fails(408, "in time")
	}
}

// What was never read as a request has no method and no path to be logged. Why
// it could not be read may hold a token, if not quoted from.
func TestLogOfMalformedRequests(t *testing.T) {
	h := serve(t, func(o *Options) { o.MaxBodyBytes = 10 })
	h.log.level = slog.LevelDebug
	for text, reason := range map[string]string{
		"POST /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n":         "body size exceeds",
		"GET /v2 HTTP/1.1\r\nHost: a\r\nX-Auth-Token: topsecret\x01\r\n\r\n": "invalid header value",
		"topsecret\r\n\r\n": "request method",
	} {
		h.raw(text)
		line, why := h.log.find(t, "request"), h.log.find(t, "malformed request")
		for _, key := range []string{"method", "path"} {
			if value, logged := line[key]; logged {
				t.Errorf("%q: %s %q is logged", text, key, value)
			}
		}
		if why["level"] != "DEBUG" || !strings.Contains(why["reason"], reason) || why["request_id"] != line["request_id"] {
			t.Errorf("%q: %v, want the reason %q", text, why, reason)
		}
	}
	engineLog{slog.New(h.log)}.Printf("%s: %v", "10.0.0.1", errors.New(`value "topsecret"`))
	if line := h.log.find(t, "connection"); !strings.Contains(line["text"], "10.0.0.1: value") {
		t.Errorf("the engine's words: %v", line)
	}
	for _, line := range h.log.all() {
		for key, value := range line {
			if strings.Contains(value, "topsecret") {
				t.Errorf("%s of %q holds a token", key, line["msg"])
			}
		}
	}
}
