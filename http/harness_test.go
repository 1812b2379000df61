package http

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/http/auth"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// The personas of the tests, by the header X-Auth-Token.
var personas = map[string]*auth.Identity{
	"admin":  {UserID: "u-admin", ProjectID: "p-admin", Roles: []string{"admin", "member", "reader"}},
	"demo":   {UserID: "u-demo", ProjectID: "p-demo", Roles: []string{"member", "reader"}},
	"other":  {UserID: "u-other", ProjectID: "p-other", Roles: []string{"member", "reader"}},
	"system": {UserID: "u-admin", SystemScope: auth.SystemScopeAll, Roles: []string{"admin", "member", "reader"}},
	"domain": {UserID: "u-demo", DomainID: "d-demo", Roles: []string{"member", "reader"}},
	"norole": {UserID: "u-norole", ProjectID: "p-demo", Roles: []string{"custom"}},
}

var errKeystoneDown = errors.New("keystone is down")

// tokenDouble makes identities of personas: X-Auth-Token names one, and any
// X-Service-Token but "bad" makes it a service's request.
type tokenDouble struct{}

func (tokenDouble) Validate(_ context.Context, h auth.HeaderSource) (*auth.Identity, error) {
	token := h.Header("X-Auth-Token")
	switch token {
	case "unknowable":
		return nil, errKeystoneDown
	case "too early to tell":
		return nil, auth.ErrUnavailable
	}
	persona, ok := personas[token]
	if !ok {
		return nil, auth.ErrUnauthorized
	}
	id := *persona
	switch h.Header("X-Service-Token") {
	case "":
	case "bad":
		return nil, auth.ErrServiceUnauthorized
	default:
		id.Service = true
	}
	return &id, nil
}

// harness is a server on a listener in memory.
type harness struct {
	t       *testing.T
	server  *Server
	backend *backendDouble
	ln      *fasthttputil.InmemoryListener
	connect func() (net.Conn, error) // instead of ln, if not nil
	log     *logRecorder
}

func serve(t *testing.T, change ...func(*Options)) *harness {
	t.Helper()
	return serveWith(t, legacyPolicy(t), change...)
}

func legacyPolicy(t *testing.T, options ...auth.Option) *auth.Enforcer {
	t.Helper()
	policy, err := auth.NewEnforcer(auth.SetLegacy, "", options...)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func serveWith(t *testing.T, policy Policy, change ...func(*Options)) *harness {
	t.Helper()
	log := &logRecorder{}
	opt := Options{Log: slog.New(log), DrainGrace: -1, AuthURI: "http://keystone/v3"}
	for _, f := range change {
		f(&opt)
	}
	h := &harness{t: t, backend: &backendDouble{t: t}, ln: fasthttputil.NewInmemoryListener(), log: log}
	h.server = New(opt, h.backend, tokenDouble{}, policy, nil)
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(h.ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return h
}

// ask is one request; what is left out of it is sent as admin, without a body.
type ask struct {
	as      string // "none": no token
	service string
	headers map[string]string
	body    string
	form    bool // without the content type of JSON
}

type answer struct {
	t       *testing.T
	request string
	status  int
	header  map[string]string // names in lower case
	body    string
}

func (h *harness) dial() net.Conn {
	h.t.Helper()
	connect := h.ln.Dial
	if h.connect != nil {
		connect = h.connect
	}
	conn, err := connect()
	if err != nil {
		h.t.Fatal(err)
	}
	return conn
}

// do sends a request, its path byte for byte, on a connection of its own.
func (h *harness) do(method, path string, a ask) answer {
	h.t.Helper()
	conn := h.dial()
	defer conn.Close()
	return exchange(h.t, conn, method, path, a)
}

// raw sends text as it is, on a connection of its own.
func (h *harness) raw(text string) answer {
	h.t.Helper()
	conn := h.dial()
	defer conn.Close()
	if _, err := conn.Write([]byte(text)); err != nil {
		h.t.Fatal(err)
	}
	return readAnswer(h.t, conn, "raw", text)
}

func exchange(t *testing.T, conn net.Conn, method, path string, a ask) answer {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	// Large bodies may be refused while they are sent.
	go func() { _, _ = conn.Write([]byte(a.wire(method, path))) }()
	return readAnswer(t, conn, method, path)
}

func readAnswer(t *testing.T, conn net.Conn, method, path string) answer {
	t.Helper()
	var r fasthttp.Response
	r.SkipBody = method == fasthttp.MethodHead
	r.Header.SetNoDefaultContentType(true)
	if err := r.Read(bufio.NewReader(conn)); err != nil {
		t.Fatalf("%s %s: no answer: %v", method, path, err)
	}
	got := answer{
		t: t, request: method + " " + path, status: r.StatusCode(),
		header: map[string]string{}, body: string(r.Body()),
	}
	for name, value := range r.Header.All() {
		got.header[strings.ToLower(string(name))] = string(value)
	}
	return got
}

func (a ask) wire(method, path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: arqd.test\r\n", method, path)
	switch a.as {
	case "none":
	case "":
		b.WriteString("X-Auth-Token: admin\r\n")
	default:
		fmt.Fprintf(&b, "X-Auth-Token: %s\r\n", a.as)
	}
	if a.service != "" {
		fmt.Fprintf(&b, "X-Service-Token: %s\r\n", a.service)
	}
	if a.body != "" && !a.form {
		b.WriteString("Content-Type: application/json\r\n")
	}
	for name, value := range a.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", name, value)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(a.body), a.body)
	return b.String()
}

// is checks the status alone.
func (a answer) is(status int) {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("%s: status %d, want %d: %s", a.request, a.status, status, a.body)
	}
}

// contains checks that the body does.
func (a answer) contains(text string) {
	a.t.Helper()
	if !strings.Contains(a.body, text) {
		a.t.Errorf("%s: %s, want %s in it", a.request, a.body, text)
	}
}

// gives checks status and the whole body, which is compared as JSON.
func (a answer) gives(status int, body string) {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("%s: status %d, want %d: %s", a.request, a.status, status, a.body)
		return
	}
	if body == "" {
		if a.body != "" {
			a.t.Errorf("%s: body %s, want none", a.request, a.body)
		}
		return
	}
	if got, want := decode(a.t, a.body), decode(a.t, body); !reflect.DeepEqual(got, want) {
		a.t.Errorf("%s: body\n%s\nwant\n%s", a.request, a.body, body)
	}
}

// fails checks for the envelope of a resource's error and that its text holds
// the words given.
func (a answer) fails(status int, words string) {
	a.t.Helper()
	outer := struct {
		Message string `json:"error_message"`
	}{}
	inner := struct {
		Code  string `json:"faultcode"`
		Text  string `json:"faultstring"`
		Debug *int   `json:"debuginfo"`
	}{}
	if json.Unmarshal([]byte(a.body), &outer) != nil || json.Unmarshal([]byte(outer.Message), &inner) != nil {
		a.t.Errorf("%s: %d: not the envelope of a fault: %s", a.request, a.status, a.body)
		return
	}
	code := "Client"
	if status >= 500 {
		code = "Server"
	}
	if a.status != status || inner.Code != code || inner.Debug != nil || !strings.Contains(inner.Text, words) {
		a.t.Errorf("%s: %d %s, want %d, %s and the words %q", a.request, a.status, a.body, status, code, words)
	}
}

// failsPlain checks for an error of the router: plain text in the envelope and
// no version headers.
func (a answer) failsPlain(status int) {
	a.t.Helper()
	outer := map[string]string{}
	if json.Unmarshal([]byte(a.body), &outer) != nil || outer["error_message"] == "" ||
		strings.HasPrefix(outer["error_message"], "{") || len(outer) != 1 {
		a.t.Errorf("%s: %d: not a plain error: %s", a.request, a.status, a.body)
	}
	if a.status != status {
		a.t.Errorf("%s: status %d, want %d", a.request, a.status, status)
	}
	a.has("openstack-api-version", "")
}

func (a answer) has(header, value string) {
	a.t.Helper()
	if got := a.header[header]; got != value {
		a.t.Errorf("%s: %s: %q, want %q", a.request, header, got, value)
	}
}

func (a answer) unauthorized() {
	a.t.Helper()
	a.gives(401, `{"error": {"code": 401, "title": "Unauthorized",
		"message": "The request you have made requires authentication."}}`)
	a.has("www-authenticate", `Keystone uri="http://keystone/v3"`)
	a.has("vary", "")
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Errorf("not JSON: %v: %s", err, text)
	}
	return v
}
