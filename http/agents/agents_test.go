package agents

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/devices/protocol"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

const (
	tokenA = "token-of-the-host-a"
	tokenB = "token-of-the-host-b"
)

// double is a Backend that notes who calls.
type double struct {
	Backend
	mu     sync.Mutex
	hosts  []string
	names  []string
	match  *string
	answer error
	hold   chan struct{} // heartbeats wait for it; nil: they do not
}

func (d *double) Serving() bool { return true }

func (d *double) OpenSession(_ context.Context, host string, _ *protocol.OpenSession) (*protocol.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hosts = append(d.hosts, host)
	return &protocol.Session{Version: 1}, d.answer
}

func (d *double) Heartbeat(ctx context.Context, _ string, _ *protocol.Heartbeat) (*protocol.HeartbeatReply, error) {
	if d.hold != nil {
		select {
		case <-d.hold:
		case <-ctx.Done():
		}
	}
	return &protocol.HeartbeatReply{}, nil
}

func (d *double) ReportInventory(_ context.Context, _ string, names []string, _ *protocol.Inventory, ifMatch *string) (*protocol.InventoryReply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names, d.match = names, ifMatch
	return &protocol.InventoryReply{}, d.answer
}

// node is a listener with its log.
type node struct {
	*Server
	t    *testing.T
	back *double
	url  string
	log  *lockedBuffer
	http *http.Client
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// start serves with the tokens of the hosts a and b; conf may ask for TLS.
func start(t *testing.T, conf *tls.Config) *node {
	t.Helper()
	return startWithOptions(t, conf, Options{})
}

func startWithOptions(t *testing.T, conf *tls.Config, opt Options) *node {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tokens")
	write(t, file, "a "+tokenA+"\nb "+tokenB+" b-alias # and a comment\n")
	tokens, err := ReadTokens(file)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, back: &double{}, log: &lockedBuffer{}, http: &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}}
	opt.Log, opt.Tokens = slog.New(slog.NewTextHandler(n.log, nil)), tokens
	n.Server = New(opt, n.back)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.url = "http://" + ln.Addr().String()
	if conf != nil {
		n.url = "https://" + ln.Addr().String()
		ln = tls.NewListener(ln, conf)
	}
	served := make(chan error, 1)
	go func() { served <- n.Serve(ln) }()
	t.Cleanup(func() {
		n.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return n
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask gives the status, and the code if it is a refusal.
func (n *node) ask(method, path, token string, body io.Reader, headers ...string) (int, string) {
	n.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, n.url+path, body)
	if err != nil {
		n.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := n.http.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	var e protocol.Error
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 400 && json.Unmarshal(text, &e) != nil {
		n.t.Errorf("%s %s: %d %q", method, path, resp.StatusCode, text)
	}
	return resp.StatusCode, e.Code
}

func (n *node) want(status int, code, method, path, token string, body io.Reader, headers ...string) {
	n.t.Helper()
	if s, c := n.ask(method, path, token, body, headers...); s != status || c != code {
		n.t.Errorf("%s %s: %d %s, want %d %s", method, path, s, c, status, code)
	}
}

func text(s string) io.Reader { return strings.NewReader(s) }

// A host is who its token says, and nobody else.
func TestTokens(t *testing.T) {
	n := start(t, nil)
	n.want(200, "", "POST", protocol.SessionPath("a"), tokenA, text("{}"))
	n.want(401, protocol.CodeUnauthorized, "POST", protocol.SessionPath("a"), "", text("{}"))
	n.want(401, protocol.CodeUnauthorized, "POST", protocol.SessionPath("a"), tokenA+"x", text("{}"))
	n.want(403, protocol.CodeForbidden, "POST", protocol.SessionPath("a"), tokenB, text("{}"))
	if log := n.log.String(); !strings.Contains(log, "speaks for a host that it is not") && !strings.Contains(log, "without a certificate") {
		t.Errorf("log: %s", log)
	}
	if strings.Contains(n.log.String(), tokenB) {
		t.Error("a token is in the log")
	}
	n.want(200, "", "POST", protocol.SessionPath("b-alias"), tokenB, text("{}"))
	if st := n.Stats(); st.Strangers != 2 || st.Impostors != 1 || st.Answers["2xx"] != 2 || st.Answers["4xx"] != 3 {
		t.Errorf("%+v", st)
	}
	n.want(404, protocol.CodeNotFound, "GET", "/agent/v2/hosts/a/session", tokenA, nil)
	n.want(404, protocol.CodeNotFound, "GET", protocol.SessionPath("a"), tokenA, nil)
}

func TestFilesOfTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	for want, content := range map[string]string{
		"b, another name of a, is a host with a token of its own": "a " + tokenA + " b\nb " + tokenB,
		"line 1: a host and its token":                            "a",
		"fewer than 16 characters":                                "a short",
		"line 3: a is there twice":                                "a " + tokenA + "\n\na " + tokenB,
		"the token of b is that of a":                             "a " + tokenA + "\nb " + tokenA,
		"there is no token in it":                                 "# nothing\n",
	} {
		write(t, file, content)
		if _, err := ReadTokens(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
	write(t, file, "a "+tokenA)
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTokens(file); err == nil || !strings.Contains(err.Error(), "others may read") {
		t.Error(err)
	}
	if _, err := ReadTokens(file + "x"); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// A file that has changed is taken over, and a bad one is not.
func TestTokensAreReloaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	write(t, file, "a "+tokenA)
	tokens, err := ReadTokens(file)
	if err != nil {
		t.Fatal(err)
	}
	base := time.Now()
	step := func(age time.Duration, content string, changed, fails bool) {
		t.Helper()
		write(t, file, content)
		if err := os.Chtimes(file, time.Time{}, base.Add(-age)); err != nil {
			t.Fatal(err)
		}
		if c, err := tokens.Reload(); c != changed || (err != nil) != fails {
			t.Errorf("%v, %v", c, err)
		}
	}
	step(3*time.Hour, "a bad", false, true)
	if tokens.names([]byte(tokenA)) == nil {
		t.Error("the good ones are gone")
	}
	step(2*time.Hour, "b "+tokenB, true, false)
	if tokens.names([]byte(tokenA)) != nil || tokens.names([]byte(tokenB)) == nil {
		t.Error("the new ones are not there")
	}
	step(2*time.Hour, "b "+tokenB, false, false)
}

// Whoever looks, at a signal or because it is time, a file is taken over once.
func TestTokensAreReloadedOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	write(t, file, "a "+tokenA)
	tokens, err := ReadTokens(file)
	if err != nil {
		t.Fatal(err)
	}
	for age := range 50 {
		if err := os.Chtimes(file, time.Time{}, time.Now().Add(-time.Duration(age+1)*time.Hour)); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		var changes atomic.Int32
		for range 4 {
			all.Go(func() {
				if changed, err := tokens.Reload(); err != nil {
					t.Error(err)
				} else if changed {
					changes.Add(1)
				}
			})
		}
		all.Wait()
		if n := changes.Load(); n != 1 {
			t.Errorf("taken over %d times", n)
		}
	}
}

func packed(t *testing.T, from io.Reader) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.Copy(z, from); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return &b
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Bodies are bounded as they are sent and as they are unpacked.
func TestBodies(t *testing.T) {
	n := start(t, nil)
	path := protocol.SessionPath("a")
	n.want(200, "", "POST", path, tokenA, packed(t, text(`{"versions":[1]}`)), "Content-Encoding", "gzip")
	n.want(400, protocol.CodeInvalid, "POST", path, tokenA, text(`{"versions":[1]`))
	n.want(400, protocol.CodeInvalid, "POST", path, tokenA, text(`{} {}`))
	n.want(400, protocol.CodeInvalid, "POST", path, tokenA, text(""))
	n.want(400, protocol.CodeInvalid, "POST", path, tokenA, text("{}"), "Content-Encoding", "gzip")
	n.want(400, protocol.CodeInvalid, "POST", path, tokenA, text("{}"), "Content-Encoding", "br")
	half := packed(t, text(`{"agent_version":"`+strings.Repeat("x", 9999)+`"}`))
	half.Truncate(half.Len() / 2)
	n.want(400, protocol.CodeInvalid, "POST", path, tokenA, half, "Content-Encoding", "gzip")
	n.want(413, protocol.CodeTooLarge, "POST", path, tokenA, packed(t, io.LimitReader(zeros{}, 10<<20)), "Content-Encoding", "gzip")
	n.want(413, protocol.CodeTooLarge, "POST", path, tokenA, io.LimitReader(zeros{}, protocol.MaxBody+1)) // chunked
	n.want(200, "", "POST", path, tokenA, text(`{"agent_version":"`+strings.Repeat("x", protocol.MaxBody-20)+`"}`))
	if len(n.back.hosts) != 2 {
		t.Errorf("%d calls came through", len(n.back.hosts))
	}
}

// What is no HTTP, too long or too slow gets an answer of the protocol, too, and no line
// in the log: nobody knows who it is from. It is no request, and counted as none: a check
// of the port that says nothing is no failure of the service.
func TestWhatIsNoRequest(t *testing.T) {
	n := startWithOptions(t, nil, Options{ReadTimeout: 200 * time.Millisecond})
	head := "POST " + protocol.SessionPath("a") + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + tokenA + "\r\n"
	for _, c := range []struct {
		sent   string
		status int
		code   string
	}{
		{"brew me a coffee\r\n\r\n", 400, protocol.CodeInvalid},
		{head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400, protocol.CodeInvalid},
		{head + "X-Long: " + strings.Repeat("x", 5000) + "\r\n\r\n", 413, protocol.CodeTooLarge},
		{head + "X-Slow: ", 503, protocol.CodeUnavailable},
	} {
		conn := n.dial()
		_, _ = io.WriteString(conn, c.sent)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%.40q: %v", c.sent, err)
			continue
		}
		var e protocol.Error
		err = json.NewDecoder(answer.Body).Decode(&e)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != c.status || e.Code != c.code || e.Message == "" || !answer.Close {
			t.Errorf("%.40q: %d %+v %v, want %d %s and the end", c.sent, answer.StatusCode, e, err, c.status, c.code)
		}
		if (answer.StatusCode == 503) != (answer.Header.Get("Retry-After") != "") {
			t.Errorf("%.40q: Retry-After %q", c.sent, answer.Header.Get("Retry-After"))
		}
	}
	if text := n.log.String(); text != "" {
		t.Errorf("strangers have written into the log: %s", text)
	}
	if st := n.Stats(); st.Answers["4xx"] != 0 || st.Answers["5xx"] != 0 {
		t.Errorf("counted as answers to requests: %v", st.Answers)
	}
}

// The body of a stranger is not waited for: beyond its first 8 KiB, that is, which
// the engine reads before it asks.
func TestWhoseBodyIsNotRead(t *testing.T) {
	n := start(t, nil)
	for token, want := range map[string]string{"nonsense": "401", tokenB: "403"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "POST "+protocol.SessionPath("a")+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\nContent-Length: 5000000\r\n\r\n"+strings.Repeat("x", 8<<10))
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		first := make([]byte, 12)
		if _, err := io.ReadFull(conn, first); err != nil || string(first) != "HTTP/1.1 "+want {
			t.Errorf("%q (%v), want %s", first, err, want)
		}
		_ = conn.Close()
	}
}

// A host has few requests in flight; others are not in its way.
func TestRequestsInFlight(t *testing.T) {
	n := start(t, nil)
	n.back.hold = make(chan struct{})
	var wg sync.WaitGroup
	for range protocol.MaxInFlight {
		wg.Go(func() { n.ask("POST", protocol.HeartbeatPath("a"), tokenA, text("{}")) })
	}
	n.awaitHeld("a", protocol.MaxInFlight)
	n.want(429, protocol.CodeBusy, "POST", protocol.SessionPath("a"), tokenA, text("{}"))
	n.want(200, "", "POST", protocol.SessionPath("b"), tokenB, text("{}"))
	close(n.back.hold)
	wg.Wait()
	n.want(200, "", "POST", protocol.SessionPath("a"), tokenA, text("{}"))
	if len(n.gate.hosts) != 0 {
		t.Errorf("%v are counted still", n.gate.hosts)
	}
}

// awaitHeld waits until so many requests of a host are in flight.
func (n *node) awaitHeld(host string, want int) {
	for {
		n.gate.mu.Lock()
		held := n.gate.hosts[host]
		n.gate.mu.Unlock()
		if held == want {
			return
		}
		<-time.After(time.Millisecond)
	}
}

func TestTheHeaderIfMatch(t *testing.T) {
	n := start(t, nil)
	digest := strings.Repeat("a", 64)
	n.want(200, "", "PUT", protocol.InventoryPath("b"), tokenB, text("{}"), "If-Match", protocol.ETag(digest))
	if n.back.match == nil || *n.back.match != digest || strings.Join(n.back.names, " ") != "b b-alias" {
		t.Errorf("%v, %q", n.back.match, n.back.names)
	}
	n.want(400, protocol.CodeInvalid, "PUT", protocol.InventoryPath("b"), tokenB, text("{}"), "If-Match", digest)
	n.want(200, "", "PUT", protocol.InventoryPath("b"), tokenB, text("{}"))
	if n.back.match != nil {
		t.Error("a digest from nowhere")
	}
}

func TestStatusesOfErrors(t *testing.T) {
	n := start(t, nil)
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{&protocol.Error{Code: protocol.CodeSessionReplaced}, 409, protocol.CodeSessionReplaced},
		{&protocol.Error{Code: protocol.CodeDigestDiffers}, 412, protocol.CodeDigestDiffers},
		{actors.Refuse(actors.CodeUnavailable, "no room"), 503, protocol.CodeUnavailable},
		{actors.Refuse(actors.CodeConflict, "lost"), 503, protocol.CodeUnavailable},
		{actors.Refuse(actors.CodeInvalid, "bad"), 400, protocol.CodeInvalid},
		{io.ErrUnexpectedEOF, 500, protocol.CodeInternal},
	} {
		n.back.answer = tt.err
		n.want(tt.status, tt.code, "POST", protocol.SessionPath("a"), tokenA, text("{}"))
	}
}

// authority makes certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.key, a.cert = a.make(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) make(c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, made
}

func (a *authority) issue(cn string, names ...string) tls.Certificate {
	key, cert := a.make(&x509.Certificate{
		Subject: pkix.Name{CommonName: cn}, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// With certificates, the names in them are those of the host.
func TestCertificates(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	n := start(t, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{ca.issue("service")},
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ca.pool(),
	})
	with := func(certs ...tls.Certificate) {
		n.http.CloseIdleConnections()
		n.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: ca.pool(), Certificates: certs}}
	}
	with(ca.issue("a", "a.example.org"))
	n.want(200, "", "POST", protocol.SessionPath("a"), "", text("{}"))
	n.want(200, "", "PUT", protocol.InventoryPath("a.example.org"), "", text("{}"))
	if strings.Join(n.back.names, " ") != "a.example.org a" {
		t.Errorf("names %q", n.back.names)
	}
	n.want(403, protocol.CodeForbidden, "POST", protocol.SessionPath("b"), "", text("{}"))
	n.want(403, protocol.CodeForbidden, "POST", protocol.SessionPath("b"), tokenB, text("{}")) // the certificate counts
	with()
	n.want(401, protocol.CodeUnauthorized, "POST", protocol.SessionPath("a"), "", text("{}"))
	n.want(200, "", "POST", protocol.SessionPath("b"), tokenB, text("{}"))
	with(other.issue("a"))
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+protocol.SessionPath("a"), text("{}"))
	if resp, err := n.http.Do(req); err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode != 401 { // a client may keep a certificate to itself that nobody asked for
			t.Errorf("a stranger's certificate: %d", resp.StatusCode)
		}
	}
}
