package keystone

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/arqd/arqd/http/auth"
	"github.com/arqd/arqd/http/openstack"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request is an auth.HeaderSource.
type request struct {
	user, service string
	method, path  string
}

func (r *request) Header(name string) string {
	switch name {
	case "X-Auth-Token":
		return r.user
	case "X-Service-Token":
		return r.service
	}
	return ""
}
func (*request) Peer() netip.Addr   { return netip.Addr{} }
func (*request) PeerVerified() bool { return false }
func (r *request) Method() string   { return r.method }
func (r *request) Path() string     { return r.path }

// clock is the time as the validator sees it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logBuffer takes the log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// bench is a validator in front of a double of Keystone.
type bench struct {
	*Validator
	t        *testing.T
	keystone *openstacktest.Keystone
	clock    *clock
	log      *logBuffer
}

func newBench(t *testing.T, change ...func(*Options)) *bench {
	t.Helper()
	k := openstacktest.NewKeystone(t)
	b := &bench{t: t, keystone: k, clock: &clock{now: time.Now()}, log: &logBuffer{}}
	session, err := openstack.NewSession(openstack.Credentials{
		AuthType: openstack.AuthPassword, AuthURL: k.URL, UserID: "arqd", Password: openstacktest.Password, ProjectID: "service",
	}, openstack.Connection{Retries: 2, Pause: time.Millisecond, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	opt := Options{Log: slog.New(slog.NewTextHandler(b.log, nil)), Now: b.clock.Now, CacheTime: time.Minute}
	for _, f := range change {
		f(&opt)
	}
	b.Validator = New(session, opt)
	return b
}

// later is an end of a token that no test reaches.
func later() time.Time { return time.Now().Add(24 * time.Hour) }

// member makes a token of a member of project p known.
func (b *bench) member(subject string, expires time.Time) {
	b.keystone.Add(subject, expires, map[string]any{
		"project": openstacktest.Project("p"), "roles": openstacktest.Roles("member", "reader"),
	})
}

func (b *bench) service(subject string, roles ...string) {
	b.keystone.Add(subject, later(), map[string]any{
		"user":    map[string]any{"id": "nova", "domain": map[string]any{"id": "default"}},
		"project": openstacktest.Project("service"), "roles": openstacktest.Roles(roles...),
	})
}

func (b *bench) validate(user, service string) (*auth.Identity, error) {
	return b.Validate(b.t.Context(), &request{user: user, service: service, method: "GET", path: "/v2/devices"})
}

func (b *bench) passes(user, service string) *auth.Identity {
	b.t.Helper()
	id, err := b.validate(user, service)
	if err != nil || id == nil {
		b.t.Fatalf("%s with service token %q: %v", user, service, err)
	}
	return id
}

func (b *bench) fails(want error, user, service string) {
	b.t.Helper()
	if id, err := b.validate(user, service); !errors.Is(err, want) || id != nil {
		b.t.Fatalf("%s with service token %q: %+v, %v; want %v", user, service, id, err, want)
	}
}

// asked checks how often Keystone was asked about a token.
func (b *bench) asked(subject string, want int) {
	b.t.Helper()
	if got := b.keystone.Validations(subject); got != want {
		b.t.Fatalf("Keystone was asked %d times about %s, want %d", got, subject, want)
	}
}

func (b *bench) logged(words string, want int) {
	b.t.Helper()
	if got := strings.Count(b.log.String(), words); got != want {
		b.t.Errorf("%d log lines with %q, want %d:\n%s", got, words, want, b.log)
	}
}
