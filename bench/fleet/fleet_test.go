package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is what agents talk to, as far as they need it.
type service struct {
	mu       sync.Mutex
	sessions map[string]uuid.UUID // by host
	reported map[string]int       // devices
	commands map[string][]protocol.Command
	results  int
	tokens   map[string]string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := strings.Split(r.URL.Path, "/") // "", agent, v1, hosts, HOST, ...
	host, what := parts[4], path.Base(r.URL.Path)
	if r.Header.Get("Authorization") != "Bearer "+s.tokens[host] {
		s.refuse(w, http.StatusUnauthorized, protocol.CodeUnauthorized)
		return
	}
	var body struct{ Session uuid.UUID }
	var inv protocol.Inventory
	switch what {
	case "session":
		s.sessions[host] = uuid.New()
		s.answer(w, &protocol.Session{Session: s.sessions[host], HeartbeatS: 0.02})
		return
	case "inventory":
		_ = json.NewDecoder(r.Body).Decode(&inv)
		body.Session = inv.Session
	case "commands":
		body.Session, _ = uuid.Parse(r.URL.Query().Get("session"))
	default:
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	if s.sessions[host] != body.Session {
		s.refuse(w, http.StatusConflict, protocol.CodeSessionUnknown)
		return
	}
	switch what {
	case "inventory":
		if inv.Validate() == nil {
			s.reported[host] = len(inv.Devices)
		}
		s.answer(w, &protocol.InventoryReply{})
	case "heartbeat":
		s.answer(w, &protocol.HeartbeatReply{})
	case "result":
		s.results++
		s.answer(w, &struct{}{})
	case "commands":
		due := s.commands[host]
		delete(s.commands, host)
		s.mu.Unlock()
		if due == nil {
			<-time.After(10 * time.Millisecond)
			w.WriteHeader(http.StatusNoContent)
		} else {
			s.answer(w, &protocol.Commands{Commands: due})
		}
		s.mu.Lock()
	}
}

func (s *service) answer(w http.ResponseWriter, body any) { _ = json.NewEncoder(w).Encode(body) }

func (s *service) refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	s.answer(w, &protocol.Error{Code: code})
}

// forget loses all sessions, as a restart does.
func (s *service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

func newService(t *testing.T, hosts ...string) (*service, Options) {
	t.Helper()
	s := &service{
		sessions: map[string]uuid.UUID{}, reported: map[string]int{}, commands: map[string][]protocol.Command{}, tokens: map[string]string{},
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	opt := Options{URL: server.URL, Devices: 3, Ramp: time.Millisecond, Return: 20 * time.Millisecond}
	for _, h := range hosts {
		s.tokens[h] = "token of " + h
		opt.Hosts = append(opt.Hosts, Identity{Host: h, Token: s.tokens[h]})
	}
	return s, opt
}

// Agents come, report what they have, do what they are told, and come back when
// their sessions were lost; that is seen as an outage.
func TestAFleet(t *testing.T) {
	s, opt := newService(t, "a", "b")
	s.commands["b"] = []protocol.Command{{ID: uuid.New(), N: 7, Kind: devices.ProgramFPGA}}
	said := make(chan string, 8)
	done := make(chan struct{})
	var r *Result
	var err error
	go func() {
		defer close(done)
		r, err = Measure(t.Context(), opt, Plan{
			Duration: 100 * time.Millisecond, Outages: 1, Patience: time.Minute, ServerPID: os.Getpid(),
			Say: func(format string, _ ...any) { said <- format },
		})
	}()
	for !strings.Contains(<-said, "outages") {
		continue
	}
	s.forget()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	if s.reported["a"] != 3 || s.reported["b"] != 3 || s.results != 1 {
		t.Errorf("reported %v, %d results", s.reported, s.results)
	}
	// Where one agent is back before the other has noticed, there are two.
	if n := len(r.Outages); n < 1 || n > len(opt.Hosts) || r.Return == nil {
		t.Errorf("outages %+v", r.Outages)
	}
	for _, o := range r.Outages {
		if o.Seconds <= 0 || o.Absent < 1 || o.PeakOpens < 1 {
			t.Errorf("an outage %+v", o)
		}
	}
	if r.Arrival.Server == nil || r.Arrival.Server.Descriptors == 0 || len(r.Steady.Calls) < 2 {
		t.Errorf("%+v", r)
	}
	var text bytes.Buffer
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"steady  heartbeat", "outage at", "409: ", "descriptors"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
}

// Agents that are not let in do not pass for those that are.
func TestAgentsThatDoNotCome(t *testing.T) {
	_, opt := newService(t, "a", "b")
	opt.Hosts[1].Token = "another"
	r, err := Measure(t.Context(), opt, Plan{Patience: 200 * time.Millisecond})
	if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "1 of 2") {
		t.Errorf("%v", err)
	}
	if r == nil || len(r.Arrival.Calls) == 0 {
		t.Errorf("%+v", r)
	}
	if _, err := Measure(t.Context(), Options{URL: opt.URL}, Plan{}); err == nil {
		t.Error("a fleet of nobody")
	}
}

func TestBackOff(t *testing.T) {
	for tries, want := range map[int]time.Duration{1: time.Second, 3: 4 * time.Second, 6: 30 * time.Second, 100: 30 * time.Second} {
		for range 50 {
			if d := backOff(tries); d < want/2 || d > want*3/2 {
				t.Errorf("%v after %d tries, want about %v", d, tries, want)
			}
		}
	}
}

// What the agents report is what the service takes.
func TestTheContentIsGood(t *testing.T) {
	c := contentOf("h", 300, 9)
	paths := map[string]bool{}
	for i := range c.Devices {
		if err := c.Devices[i].Validate(); err != nil {
			t.Fatal(err)
		}
		paths[c.Devices[i].ControlPath.Info] = true
	}
	if len(paths) != 300 {
		t.Errorf("%d places for 300 cards", len(paths))
	}
}
