package fleet

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/measure"
	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// The kinds of calls, as they are counted.
const (
	opOpen      = "open"
	opInventory = "inventory"
	opBeat      = "heartbeat"
	opPoll      = "poll"
	opResult    = "result"
)

// agent is that of one host.
type agent struct {
	fleet   *Fleet
	id      Identity
	http    *http.Client
	boot    string
	content protocol.Content
	digest  string

	mu      sync.Mutex
	present bool
}

// connections of an agent: one that waits for commands, one for the rest.
const connections = 2

func newAgent(f *Fleet, id Identity) *agent {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.opt.TLS != nil {
		conf = f.opt.TLS.Clone()
	}
	if id.Certificate != nil {
		conf.Certificates = []tls.Certificate{*id.Certificate}
	}
	a := &agent{fleet: f, id: id, boot: uuid.NewString(), content: contentOf(id.Host, f.opt.Devices, f.opt.Handles)}
	a.digest = a.content.Digest()
	a.http = &http.Client{
		Transport: &http.Transport{TLSClientConfig: conf, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections},
		Timeout:   protocol.Wait + f.opt.Timeout,
	}
	return a
}

// session is one of an agent.
type session struct {
	*agent
	id    uuid.UUID
	every time.Duration // between heartbeats
	seq   uint64
	// lose ends it; the cause says why.
	lose context.CancelCauseFunc
}

// errOver: another agent of the host was seen, as an agent's end.
var errOver = errors.New("another agent of this host has come")

// run is the life of an agent.
func (a *agent) run(ctx context.Context, first time.Duration) {
	if !measure.Pause(ctx, first) {
		return
	}
	for tries := 0; ctx.Err() == nil; {
		s, err := a.open(ctx)
		if err != nil {
			tries++
			measure.Pause(ctx, backOff(tries))
			continue
		}
		tries = 0
		if errors.Is(s.live(ctx), errOver) {
			return
		}
		measure.Pause(ctx, within(a.fleet.opt.Return))
	}
}

// backOff is how long an agent waits after so many failures: 1, 2, 4 ... 30
// seconds, and up to half of that more or less.
func backOff(tries int) time.Duration {
	d := min(time.Second<<min(tries-1, 5), 30*time.Second)
	return d/2 + within(d)
}

func (a *agent) open(ctx context.Context) (*session, error) {
	var got protocol.Session
	err := a.call(ctx, opOpen, http.MethodPost, protocol.SessionPath(a.id.Host), &protocol.OpenSession{
		Versions: protocol.Versions(), AgentVersion: "arqd bench", BootID: a.boot, Drivers: []string{driver},
		Capabilities: []devices.CommandKind{devices.ProgramFPGA, devices.CreateMdev, devices.RemoveMdev},
	}, &got)
	if err != nil {
		return nil, err
	}
	return &session{agent: a, id: got.Session, every: time.Duration(got.HeartbeatS * float64(time.Second))}, nil
}

// live is a session from its inventory to its end.
func (s *session) live(ctx context.Context) error {
	ctx, s.lose = context.WithCancelCause(ctx)
	defer s.lose(nil)
	var both sync.WaitGroup
	s.insist(ctx, s.report)
	both.Go(func() { s.beats(ctx) })
	both.Go(func() { s.polls(ctx) })
	both.Wait()
	s.turn(false)
	return context.Cause(ctx)
}

// insist makes a call until it succeeds, or the session is over.
func (s *session) insist(ctx context.Context, call func(context.Context) error) {
	for tries := 1; ctx.Err() == nil; tries++ {
		err := call(ctx)
		if err == nil {
			s.turn(true)
			return
		}
		if ctx.Err() != nil {
			return
		}
		s.turn(false)
		if e, ok := errors.AsType[*protocol.Error](err); ok {
			switch e.Code {
			case protocol.CodeSessionUnknown:
				s.lose(err)
				return
			case protocol.CodeSessionReplaced, protocol.CodeForbidden, protocol.CodeUnauthorized:
				s.lose(errors.Join(errOver, err))
				return
			}
		}
		measure.Pause(ctx, backOff(tries))
	}
}

func (s *session) report(ctx context.Context) error {
	s.seq++
	return s.call(ctx, opInventory, http.MethodPut, protocol.InventoryPath(s.agent.id.Host), &protocol.Inventory{
		Session: s.id, Seq: s.seq, Scan: s.seq, Digest: s.digest, Content: s.content,
	}, &protocol.InventoryReply{})
}

func (s *session) beats(ctx context.Context) {
	for measure.Pause(ctx, s.every) {
		var reply protocol.HeartbeatReply
		s.insist(ctx, func(ctx context.Context) error {
			return s.call(ctx, opBeat, http.MethodPost, protocol.HeartbeatPath(s.agent.id.Host),
				&protocol.Heartbeat{Session: s.id, Digest: s.digest}, &reply)
		})
		if reply.SendInventory {
			s.insist(ctx, s.report)
		}
	}
}

// polls waits for commands, and says of each that it was done.
func (s *session) polls(ctx context.Context) {
	path := protocol.CommandsPath(s.agent.id.Host) + "?" + protocol.ParamSession + "=" + s.id.String() + "&" +
		protocol.ParamWait + "=" + strconv.Itoa(int(protocol.Wait/time.Second)) + "&" + protocol.ParamAfter + "="
	for after := uint64(0); ctx.Err() == nil; {
		var got protocol.Commands
		s.insist(ctx, func(ctx context.Context) error {
			return s.call(ctx, opPoll, http.MethodGet, path+strconv.FormatUint(after, 10), nil, &got)
		})
		for i := range got.Commands {
			c := &got.Commands[i]
			after = max(after, c.N)
			s.insist(ctx, func(ctx context.Context) error {
				return s.call(ctx, opResult, http.MethodPost, protocol.ResultPath(s.agent.id.Host, c.ID),
					&protocol.Result{Session: s.id, State: protocol.ResultDone}, &struct{}{})
			})
		}
	}
}

// turn says that the agent is present, or is not.
func (a *agent) turn(present bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.present != present {
		a.present = present
		a.fleet.turn(present)
	}
}

// call makes one call. What is refused is a *protocol.Error.
func (a *agent) call(ctx context.Context, op, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.fleet.opt.URL+path, body)
	if err != nil {
		return err
	}
	if a.id.Token != "" {
		req.Header.Set("Authorization", "Bearer "+a.id.Token)
	}
	began := time.Now()
	resp, err := a.http.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			a.fleet.tally.add(op, unanswered, 0)
		}
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, protocol.MaxReply))
	if err != nil {
		a.fleet.tally.add(op, unanswered, 0)
		return err
	}
	a.fleet.tally.add(op, strconv.Itoa(resp.StatusCode), time.Since(began))
	switch {
	case resp.StatusCode == http.StatusNoContent:
		return nil
	case resp.StatusCode >= 300:
		e := &protocol.Error{}
		if json.Unmarshal(text, e) != nil || e.Code == "" {
			return fmt.Errorf("%s: %s", path, resp.Status)
		}
		return e
	}
	return json.Unmarshal(text, out)
}
