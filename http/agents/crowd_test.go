package agents

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/devices/protocol"
)

func (n *node) dial() net.Conn {
	n.t.Helper()
	_, address, _ := strings.Cut(n.url, "://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// ended wants the other side to have closed a connection.
func ended(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("the connection is open still")
	}
}

// Whoever opens many connections and says nothing keeps no agent out, and costs
// none its connection: with TLS, before the first word of it, and without.
func TestThousandsOfSilentConnections(t *testing.T) {
	ca := newAuthority(t)
	for what, conf := range map[string]*tls.Config{
		"plain": nil,
		"tls":   {MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{ca.issue("service")}},
	} {
		t.Run(what, func(t *testing.T) {
			n := startWithOptions(t, conf, Options{MaxConnections: 16})
			n.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ca.pool()}}
			n.back.hold = make(chan struct{})
			release := sync.OnceFunc(func() { close(n.back.hold) })
			defer release()
			answered := make(chan int, 1)
			go func() { // of an agent, under way all the time
				status, _ := n.ask("POST", protocol.HeartbeatPath("b"), tokenB, text("{}"))
				answered <- status
			}()
			n.awaitHeld("b", 1)
			var first net.Conn
			for i := range 200 {
				conn := n.dial()
				if first == nil {
					first = conn
				}
				if i%50 == 49 {
					n.want(200, "", "POST", protocol.SessionPath("a"), tokenA, text("{}"))
				}
			}
			ended(t, first)
			release()
			if status := <-answered; status != 200 {
				t.Errorf("the agent that was connected is answered %d", status)
			}
		})
	}
}

// Whoever comes while the workers of many that have given way have not taken note,
// waits for them, and is not refused.
func TestConnectionsThatAreSlowToLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStrangers(16)
		var all []net.Conn
		open := func() {
			conn, client := net.Pipe()
			t.Cleanup(func() { _, _ = conn.Close(), client.Close() })
			all = append(all, conn)
			s.track(conn, fasthttp.StateNew)
		}
		for range s.most + s.share() {
			open()
		}
		next := false
		go func() {
			open()
			next = true
		}()
		synctest.Wait()
		if next {
			t.Fatal("it has come in although the last ones have not left")
		}
		if s.known(all[0]) || !s.known(all[s.most]) {
			t.Error("one that has given way is served, or one is not that has not")
		}
		s.track(all[1], fasthttp.StateClosed)
		synctest.Wait()
		if !next {
			t.Fatal("it does not come in although one has left")
		}
		for i, conn := range all {
			if i != 1 {
				s.track(conn, fasthttp.StateClosed)
			}
		}
		if s.open != 0 || len(s.leaving) != 0 || len(s.at) != 0 || s.order.Len() != 0 {
			t.Errorf("left: %d open, %d leaving, %d strangers", s.open, len(s.leaving), len(s.at))
		}
	})
}

// Those who are slow with their first words, or with the body, are not waited for
// without end.
func TestSlowClients(t *testing.T) {
	n := startWithOptions(t, nil, Options{ReadTimeout: 200 * time.Millisecond})
	for _, begin := range []string{
		"", "POST ", "POST " + protocol.SessionPath("a") + " HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"POST " + protocol.SessionPath("a") + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + tokenA + "\r\nContent-Length: 100000\r\n\r\n{",
	} {
		conn := n.dial()
		_, _ = io.WriteString(conn, begin)
		ended(t, conn)
	}
	n.want(200, "", "POST", protocol.SessionPath("a"), tokenA, text("{}"))
	if len(n.gate.hosts) != 0 || len(n.gate.large) != 0 || len(n.bodies) != 0 {
		t.Errorf("left: %v, %v, %d bodies", n.gate.hosts, n.gate.large, len(n.bodies))
	}
}

// A host sends one large body at a time; those who are slow with theirs do not
// keep heartbeats waiting.
func TestLargeBodiesInFlight(t *testing.T) {
	n := start(t, nil)
	for range maxBodies { // all room is taken
		n.bodies <- struct{}{}
	}
	n.want(200, "", "POST", protocol.HeartbeatPath("a"), tokenA, text("{}"))
	large := func() io.Reader { return text(`{"agent_version":"` + strings.Repeat("x", smallBody) + `"}`) }
	first := make(chan int)
	go func() {
		status, _ := n.ask("POST", protocol.SessionPath("a"), tokenA, large())
		first <- status
	}()
	for {
		n.gate.mu.Lock()
		held := len(n.gate.large)
		n.gate.mu.Unlock()
		if held == 1 {
			break
		}
		<-time.After(time.Millisecond)
	}
	n.want(429, protocol.CodeBusy, "POST", protocol.SessionPath("a"), tokenA, large())
	<-n.bodies
	if status := <-first; status != 200 {
		t.Errorf("%d", status)
	}
	n.want(200, "", "POST", protocol.SessionPath("b"), tokenB, large())
	for range maxBodies - 1 {
		<-n.bodies
	}
}

// Lists that would take a hundred times their length in memory are not decoded.
func TestBodiesOfManyElements(t *testing.T) {
	n := start(t, nil)
	for _, one := range []string{"null", "{}", "0", `[]`} {
		body := `{"devices":[` + strings.TrimSuffix(strings.Repeat(one+",", 100_000), ",") + `]}`
		n.want(400, protocol.CodeInvalid, "PUT", protocol.InventoryPath("a"), tokenA, text(body))
	}
	n.want(400, protocol.CodeInvalid, "PUT", protocol.InventoryPath("a"), tokenA, text(strings.Repeat("[", 100_000)))
	if n.back.names != nil {
		t.Error("it came through")
	}
	if log := n.log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "elements in lists") {
		t.Errorf("nobody is told: %s", log)
	}
}

// A certificate counts until it ends, also on a connection that was opened before.
func TestACertificateThatEnds(t *testing.T) {
	ca := newAuthority(t)
	var later atomic.Int64 // than it is
	n := startWithOptions(t, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{ca.issue("service")},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool(),
	}, Options{now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
	n.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: ca.pool(), Certificates: []tls.Certificate{ca.issue("a")},
	}}
	n.want(200, "", "POST", protocol.SessionPath("a"), "", text("{}"))
	later.Store(int64(2 * time.Hour))
	n.want(401, protocol.CodeUnauthorized, "POST", protocol.SessionPath("a"), "", text("{}"))
}

// The names of a certificate are what is in it, and nothing that looks like them.
func TestNamesOfCertificates(t *testing.T) {
	ca := newAuthority(t)
	n := start(t, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{ca.issue("service")},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool(),
	})
	for host, want := range map[string]int{
		"node1": 200, "*.example.org": 200, // which no host is called
		"node2.example.org": 403, "NODE1": 403, "node1.": 403, "node": 403, "node1%00": 403, "%20node1": 403, "127.0.0.1": 403, "": 403,
		"..": 403, "x%2f..%2fnode1": 403,
	} {
		n.http.CloseIdleConnections()
		n.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: ca.pool(), Certificates: []tls.Certificate{ca.issue("node1", "*.example.org")},
		}}
		if status, _ := n.ask("POST", protocol.Prefix+"/hosts/"+host+"/session", "", text("{}")); status != want {
			t.Errorf("host %q: %d, want %d", host, status, want)
		}
	}
}

// A clock that is set back by hours does not silence the log for so long.
func TestWarningsAfterTheClockWasSetBack(t *testing.T) {
	s := New(Options{}, nil)
	s.quiet.Store(time.Now().Add(time.Hour).UnixNano())
	if !s.mayWarn() || s.mayWarn() {
		t.Error("the log is quiet for an hour, or not at all")
	}
}
