// Package client is an agent's side of the conversation with the service: every
// call of devices/protocol over one set of connections, and the images of
// commands.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/protocol"
)

// Options say where the service is and who the agent is.
type Options struct {
	URL  string // of the service's listener for agents, without a slash at its end
	Host string
	// Identity gives the TLS configuration, nil without TLS, and the token, "" when
	// a certificate says who the agent is. It is asked before each session, so that
	// renewed files count.
	Identity func() (*tls.Config, string, error)
}

// Time-outs. Of a poll, the time that the service may wait comes on top.
const (
	dialTimeout = 10 * time.Second
	callTimeout = 30 * time.Second
)

// The service has protocol.MaxInFlight requests of a host in work: a poll waits in
// one, images come in some, and what is left is for the others, which are short.
const (
	imagesAtOnce = 2
	othersAtOnce = protocol.MaxInFlight - 1 - imagesAtOnce
)

// Client talks to the service. Errors are of the type *Refusal where the service
// has answered; with all others it is not known whether it has heard.
type Client struct {
	opt     Options
	line    atomic.Pointer[line]
	session atomic.Pointer[uuid.UUID]
	others  chan struct{}
	images  chan struct{}
}

// line is what the connections of a session have in common.
type line struct {
	http  *http.Client
	token string
}

// New makes a client; it connects with the first call.
func New(opt Options) *Client {
	return &Client{opt: opt, others: make(chan struct{}, othersAtOnce), images: make(chan struct{}, imagesAtOnce)}
}

// Refusal is an answer of the service that is none of success.
type Refusal struct {
	Status int
	Reason *protocol.Error // Code "" where the answer is not of this protocol
	After  time.Duration   // from its header Retry-After; 0: it has none
}

// Error says what the service said.
func (r *Refusal) Error() string {
	if r.Reason.Code == "" {
		return fmt.Sprintf("the answer is %d: %s", r.Status, r.Reason.Message)
	}
	return r.Reason.Error()
}

// Unwrap gives the *protocol.Error.
func (r *Refusal) Unwrap() error { return r.Reason }

// RetryAfter is how long the service wants to be left alone.
func (r *Refusal) RetryAfter() time.Duration { return r.After }

// Open begins a session, in new connections.
func (c *Client) Open(ctx context.Context, body *protocol.OpenSession) (*protocol.Session, error) {
	if err := c.dial(); err != nil {
		return nil, err
	}
	s := new(protocol.Session)
	if err := c.call(ctx, http.MethodPost, protocol.SessionPath(c.opt.Host), nil, body, s); err != nil {
		return nil, err
	}
	c.session.Store(&s.Session)
	return s, nil
}

// dial gives up the connections that there are, and prepares new ones.
func (c *Client) dial() error {
	conf, token, err := c.opt.Identity()
	if err != nil {
		return err
	}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:     conf,
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConnsPerHost: protocol.MaxInFlight,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true, // images are read from where they were left
	}
	before := c.line.Swap(&line{&http.Client{
		Transport: transport,
		// The service sends nobody elsewhere; a token must not follow.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, token})
	if before != nil {
		before.http.CloseIdleConnections()
	}
	return nil
}

// Close gives up the connections.
func (c *Client) Close() {
	if l := c.line.Load(); l != nil {
		l.http.CloseIdleConnections()
	}
}

// Report sends an inventory. ifMatch, unless it is "", is the digest that the last
// one must have had.
func (c *Client) Report(ctx context.Context, inv *protocol.Inventory, ifMatch string) (*protocol.InventoryReply, error) {
	header := http.Header{}
	if ifMatch != "" {
		header.Set("If-Match", protocol.ETag(ifMatch))
	}
	reply := new(protocol.InventoryReply)
	return reply, c.call(ctx, http.MethodPut, protocol.InventoryPath(c.opt.Host), header, inv, reply)
}

// Beat sends a heartbeat.
func (c *Client) Beat(ctx context.Context, beat *protocol.Heartbeat) (*protocol.HeartbeatReply, error) {
	reply := new(protocol.HeartbeatReply)
	return reply, c.call(ctx, http.MethodPost, protocol.HeartbeatPath(c.opt.Host), nil, beat, reply)
}

// Result reports what became of a command.
func (c *Client) Result(ctx context.Context, id uuid.UUID, result *protocol.Result) error {
	return c.call(ctx, http.MethodPost, protocol.ResultPath(c.opt.Host, id), nil, result, &struct{}{})
}

// Commands waits for the commands after a number; none: there was none in time.
func (c *Client) Commands(ctx context.Context, session uuid.UUID, after uint64, wait time.Duration) ([]protocol.Command, error) {
	query := url.Values{
		protocol.ParamSession: {session.String()},
		protocol.ParamAfter:   {strconv.FormatUint(after, 10)},
		protocol.ParamWait:    {strconv.FormatFloat(wait.Seconds(), 'f', -1, 64)},
	}
	ctx, cancel := context.WithTimeout(ctx, wait+callTimeout)
	defer cancel()
	response, err := c.send(ctx, http.MethodGet, protocol.CommandsPath(c.opt.Host)+"?"+query.Encode(), nil, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	var list protocol.Commands
	err = read(response, &list)
	return list.Commands, err
}

// call sends a body and reads the answer.
func (c *Client) call(ctx context.Context, method, path string, header http.Header, body, into any) error {
	select {
	case c.others <- struct{}{}:
		defer func() { <-c.others }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	content, packed, err := pack(body)
	if err != nil {
		return err
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	if packed {
		header.Set("Content-Encoding", "gzip")
	}
	response, err := c.send(ctx, method, path, header, content)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return read(response, into)
}

// send sends a request and gives the answer if it is one of success.
func (c *Client) send(ctx context.Context, method, path string, header http.Header, content []byte) (*http.Response, error) {
	line := c.line.Load()
	if line == nil {
		return nil, errNoSession
	}
	request, err := http.NewRequestWithContext(ctx, method, c.opt.URL+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if header != nil {
		request.Header = header
	}
	if line.token != "" {
		request.Header.Set("Authorization", "Bearer "+line.token)
	}
	response, err := line.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, refusal(response)
}

// refusal reads an answer that is none of success.
func refusal(response *http.Response) error {
	r := &Refusal{Status: response.StatusCode, Reason: new(protocol.Error)}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.After = min(time.Duration(seconds)*time.Second, mostRetryAfter)
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal)) // what there is of it
	if json.Unmarshal(text, r.Reason) != nil || r.Reason.Code == "" {
		r.Reason = &protocol.Error{Message: fmt.Sprintf("%.200q", text)}
	}
	return r
}

const (
	mostRetryAfter = 5 * time.Minute
	maxRefusal     = 64 << 10 // bytes
)

// read decodes an answer.
func read(response *http.Response, into any) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, protocol.MaxReply+1))
	if err != nil {
		return err
	}
	if len(text) > protocol.MaxReply {
		return errTooLong
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	return nil
}
