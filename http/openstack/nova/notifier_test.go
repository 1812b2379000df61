package nova

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/openstack"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// bench is a notifier in front of doubles of Keystone and Nova.
type bench struct {
	*Notifier
	t        *testing.T
	keystone *openstacktest.Keystone
	nova     *openstacktest.Nova
	log      *logBuffer
}

func newBench(t *testing.T, timeout time.Duration) *bench {
	t.Helper()
	k := openstacktest.NewKeystone(t)
	b := &bench{t: t, keystone: k, nova: openstacktest.NewNova(t, k), log: &logBuffer{}}
	k.SetCatalog(b.nova.Endpoint())
	session, err := openstack.NewSession(openstack.Credentials{
		AuthType: openstack.AuthPassword, AuthURL: k.URL, UserID: "arqd", Password: openstacktest.Password, ProjectID: "service",
	}, openstack.Connection{Timeout: timeout, MaxBody: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	b.Notifier = New(session, openstack.Service{Type: "compute", Interfaces: []string{"internal"}}, slog.New(slog.NewTextHandler(b.log, nil)))
	return b
}

// event is one of n bound ARQs.
func event(n int) *actors.Event {
	e := &actors.Event{ID: uuid.New(), Instance: uuid.New(), RequestID: "req-" + uuid.NewString(), Created: time.Now().UnixMilli()}
	for range n {
		e.ARQs = append(e.ARQs, actors.EventARQ{UUID: uuid.New(), Completed: true})
	}
	return e
}

// outcome is what the outbox makes of an error.
func outcome(err error) string {
	switch {
	case err == nil:
		return "taken"
	case errors.Is(err, actors.ErrRefused):
		return "refused"
	default:
		return "again"
	}
}

func (b *bench) notify(want string, e *actors.Event) error {
	b.t.Helper()
	return b.notifyAll([]string{want}, e)[0]
}

func (b *bench) notifyAll(want []string, events ...*actors.Event) []error {
	b.t.Helper()
	errs := b.Notify(b.t.Context(), events)
	var got []string
	for _, err := range errs {
		got = append(got, outcome(err))
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("%v (%v), want %v", got, errs, want)
	}
	return errs
}

func TestABatchIsOneRequest(t *testing.T) {
	b := newBench(t, 10*time.Second)
	e := event(3)
	e.ARQs[2].Completed = false
	b.notify("taken", e)
	requests := b.nova.Requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests", len(requests))
	}
	for i, a := range e.ARQs {
		want := openstacktest.ServerEvent{
			Name: "accelerator-request-bound", Server: e.Instance.String(), Tag: a.UUID.String(),
			Status: map[bool]string{true: "completed", false: "failed"}[a.Completed],
		}
		if got := b.nova.Taken()[i]; got != want {
			t.Errorf("event %d: %+v, want %+v", i, got, want)
		}
	}
	header := requests[0].Header
	if header.Get("OpenStack-API-Version") != "compute 2.82" || header.Get("X-Openstack-Request-Id") != e.RequestID {
		t.Errorf("headers %v", header)
	}
	if st := b.Stats(); st != (Stats{Accepted: 3, Requests: 1}) {
		t.Errorf("%+v", st)
	}
}

// Nova answers for each event by itself.
func TestVerdictsOnSingleEvents(t *testing.T) {
	for name, c := range map[string]struct {
		code  int
		want  string
		stats Stats
		log   string
	}{
		"accepted":      {200, "taken", Stats{Accepted: 1}, ""},
		"unknown":       {openstacktest.ServerUnknown, "refused", Stats{UnknownInstance: 1}, "level=INFO"},
		"on no host":    {openstacktest.ServerNoHost, "refused", Stats{NoHost: 1}, ""},
		"without a tag": {400, "refused", Stats{Rejected: 1}, "level=WARN"},
		"not now":       {500, "again", Stats{Failed: 1, Away: true}, "level=WARN"},
		"no such code":  {302, "again", Stats{Failed: 1, Away: true}, "level=WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 10*time.Second)
			e := event(1)
			b.nova.SetServer(e.Instance.String(), c.code)
			b.notify(c.want, e)
			c.stats.Requests = 1
			if got := b.Stats(); got != c.stats {
				t.Errorf("%+v, want %+v", got, c.stats)
			}
			if got := b.log.String(); (got == "") != (c.log == "") || !strings.Contains(got, c.log) {
				t.Errorf("logged %q, want %q", got, c.log)
			}
		})
	}
}

func answer(status int, body string) openstacktest.EventsHandler {
	return func(w http.ResponseWriter, _ *http.Request, _ []openstacktest.ServerEvent) bool {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// One of two is enough for the batch to be over; one that is open keeps it.
func TestVerdictsOnABatch(t *testing.T) {
	for want, second := range map[string]string{"taken": `, "code": 422`, "again": ""} {
		b := newBench(t, 10*time.Second)
		e := event(2)
		b.nova.OnEvents(answer(207, `{"events": [
			{"name": "x", "server_uuid": "`+e.Instance.String()+`", "tag": "`+e.ARQs[1].UUID.String()+`"`+second+`},
			{"name": "x", "server_uuid": "`+e.Instance.String()+`", "tag": "`+e.ARQs[0].UUID.String()+`", "code": 200}]}`))
		b.notify(want, e)
		if st := b.Stats(); st.Accepted != 1 {
			t.Errorf("%+v", st)
		}
	}
}

// Requests that Nova does not answer as it should: refused for good, or to be
// sent again. What is sent again is taken when Nova has come to its senses.
func TestRequestsThatFail(t *testing.T) {
	hijack := func(partial string) openstacktest.EventsHandler {
		return func(w http.ResponseWriter, _ *http.Request, _ []openstacktest.ServerEvent) bool {
			connection, _, _ := http.NewResponseController(w).Hijack()
			_, _ = connection.Write([]byte(partial))
			_ = connection.Close()
			return true
		}
	}
	for name, c := range map[string]struct {
		handler openstacktest.EventsHandler
		want    string
	}{
		"a malformed body":       {answer(400, `{"badRequest": {"code": 400, "message": "no"}}`), "refused"},
		"a microversion too new": {answer(406, `{}`), "refused"},
		"a body too long":        {answer(413, `{}`), "refused"},
		"a body it cannot do":    {answer(422, `{}`), "refused"},
		"none of them known":     {answer(404, `{"itemNotFound": {"code": 404, "message": "No instances found for any event"}}`), "refused"},
		"a wrong URL":            {answer(404, `{"itemNotFound": {"code": 404, "message": "The resource could not be found."}}`), "again"},
		"somebody else's 404":    {answer(404, `<html>`), "again"},
		"no role":                {answer(403, `{"forbidden": {"code": 403, "message": "no"}}`), "again"},
		"too many":               {answer(429, ``), "again"},
		"a fault":                {answer(500, `{"computeFault": {}}`), "again"},
		"overloaded":             {answer(503, ``), "again"},
		"no content":             {answer(204, ``), "again"},
		"garbage":                {answer(200, `<html>all is well`), "again"},
		"an empty answer":        {answer(200, ``), "again"},
		"another answer":         {answer(200, `{"servers": []}`), "again"},
		"an array":               {answer(207, `[1, 2]`), "again"},
		"codes of another type":  {answer(207, `{"events": [{"code": "200"}]}`), "again"},
		"an endless answer":      {answer(200, `{"events": "`+strings.Repeat("x", 2<<20)+`"}`), "again"},
		"a connection closed":    {hijack(""), "again"},
		"cut within the header":  {hijack("HTTP/1.1 200 OK\r\nContent-Ty"), "again"},
		"cut within the body":    {hijack("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"events\": ["), "again"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 10*time.Second)
			b.nova.OnEvents(c.handler)
			e := event(2)
			err := b.notify(c.want, e)
			if n := len(b.nova.Requests()); n != 1 {
				t.Errorf("%d requests", n)
			}
			if st := b.Stats(); st.Away != (c.want == "again") || st.Accepted != 0 {
				t.Errorf("%+v", st)
			}
			if c.want == "again" && strings.Contains(err.Error(), openstacktest.Password) {
				t.Error("the error shows a secret")
			}
			b.nova.OnEvents(nil)
			b.notify("taken", e)
			if got := len(b.nova.Taken()); got != 2 {
				t.Errorf("%d events taken", got)
			}
		})
	}
}

func TestARefusedTokenIsReplaced(t *testing.T) {
	b := newBench(t, 10*time.Second)
	b.notify("taken", event(1))
	b.keystone.RevokeIssued()
	b.notify("taken", event(1))
	if n := len(b.keystone.Auths()); n != 2 {
		t.Errorf("%d authentications", n)
	}
	b.nova.OnEvents(answer(401, `{}`)) // whatever token
	b.notify("again", event(1))
	b.nova.OnEvents(nil)
	b.notify("taken", event(1))
}

// Keystone is as much in the way as Nova.
func TestNobodyThere(t *testing.T) {
	t.Run("no Keystone", func(t *testing.T) {
		b := newBench(t, 10*time.Second)
		b.keystone.OnAuth(func(w http.ResponseWriter, _ *http.Request) bool { openstacktest.Refuse(w, 503); return true })
		b.notify("again", event(1))
		b.keystone.OnAuth(nil)
		b.notify("taken", event(1))
	})
	t.Run("no endpoint", func(t *testing.T) {
		b := newBench(t, 10*time.Second)
		b.keystone.SetCatalog()
		b.notify("again", event(1))
		if !strings.Contains(b.log.String(), "level=ERROR") {
			t.Errorf("an operator's mistake is logged as %s", b.log)
		}
	})
	t.Run("no Nova", func(t *testing.T) {
		b := newBench(t, 10*time.Second)
		b.nova.Close()
		b.notify("again", event(1))
	})
	t.Run("no answer", func(t *testing.T) {
		b := newBench(t, 200*time.Millisecond)
		b.nova.OnEvents(func(_ http.ResponseWriter, r *http.Request, _ []openstacktest.ServerEvent) bool {
			<-r.Context().Done()
			return true
		})
		b.notify("again", event(1))
	})
}

// An outage is two lines in the log, however many events it delays.
func TestAnOutageIsLoggedOnce(t *testing.T) {
	b := newBench(t, 10*time.Second)
	b.nova.OnEvents(answer(503, ``))
	for range 20 {
		b.notify("again", event(1))
	}
	b.nova.OnEvents(nil)
	for range 20 {
		b.notify("taken", event(1))
	}
	text := b.log.String()
	if strings.Count(text, "\n") != 2 || !strings.Contains(text, "does not take events") || !strings.Contains(text, "takes events again") {
		t.Errorf("the log:\n%s", text)
	}
	if st := b.Stats(); st != (Stats{Accepted: 20, Failed: 20, Requests: 40}) {
		t.Errorf("%+v", st)
	}
}
