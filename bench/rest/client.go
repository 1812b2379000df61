package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/bench/measure"
)

// Header is a header of a request.
type Header struct{ Name, Value string }

// Auth says as whom requests come. It may be used by any number of goroutines.
type Auth interface {
	// Headers gives the headers that tell the service who asks.
	Headers(ctx context.Context) ([]Header, error)
	// Renew is called when the service refused the headers (401). It tells
	// whether others may be had, so that it is worth to ask once more.
	Renew(ctx context.Context, refused []Header) (again bool, err error)
}

// Fixed is the Auth of headers that stay as they are; nil is nobody's.
type Fixed []Header

// Headers is part of Auth.
func (f Fixed) Headers(context.Context) ([]Header, error) { return f, nil }

// Renew is part of Auth: there are no others.
func (f Fixed) Renew(context.Context, []Header) (bool, error) { return false, nil }

// Options of a Client.
type Options struct {
	URL         string        // of the API, with /v2 where it is part of the endpoint
	Version     string        // microversion that is asked for; "": none, as Nova
	Auth        Auth          // nil: nobody
	TLS         *tls.Config   // for https
	Timeout     time.Duration // of a request, to the last byte of its answer
	Connections int           // the most
}

// Client sends requests over connections that it keeps open. It repeats none
// by itself but those that are refused for a token that has ended.
type Client struct {
	host    *fasthttp.HostClient
	scheme  string
	prefix  string // path of the URL, without a slash at the end
	version string
	auth    Auth
	timeout time.Duration
	// patience is for how long a request is sent again that is refused because
	// there is too much to do.
	patience time.Duration
}

// New makes a client; it connects when there is something to send.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%s is no URL of an API: http(s)://HOST[:PORT][/PATH] is", u.Redacted())
	}
	if o.Timeout <= 0 {
		return nil, fmt.Errorf("a timeout of %v leaves no time for an answer", o.Timeout)
	}
	c := &Client{
		host: &fasthttp.HostClient{
			Addr: address(u), IsTLS: u.Scheme == "https", TLSConfig: o.TLS, MaxConns: o.Connections,
			NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
			MaxIdemponentCallAttempts: 1, RetryIfErr: never,
			MaxIdleConnDuration: idleLimit,
			ReadBufferSize:      64 << 10,
			Dial: func(address string) (net.Conn, error) {
				return net.DialTimeout("tcp", address, o.Timeout) //nolint:noctx // fasthttp has none
			},
		},
		scheme: u.Scheme, prefix: strings.TrimRight(u.Path, "/"), version: o.Version, auth: o.Auth, timeout: o.Timeout,
	}
	if c.auth == nil {
		c.auth = Fixed(nil)
	}
	return c, nil
}

// Patient gives a client over the same connections which sends again, when the
// service says, what that refuses because there is too much to do: with 429, or
// with 503 and Retry-After. What it would have to wait for longer than the limit
// it leaves.
func (c *Client) Patient(limit time.Duration) *Client {
	patient := *c
	patient.patience = limit
	return &patient
}

// idleLimit is shorter than the time after which servers close connections.
const idleLimit = 4 * time.Second

func never(*fasthttp.Request, int, error) (reset, again bool) { return false, false }

func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// Close ends connections that are not in use.
func (c *Client) Close() { c.host.CloseIdleConnections() }

// Outcomes of requests without an answer.
const (
	OutcomeTimeout    = "timeout"
	OutcomeConnection = "connection" // not made, refused or broken
	OutcomeToken      = "no token"   // Keystone gave none
	OutcomeUnreadable = "unreadable" // an answer that is none of the API
)

// Answer is what became of a request.
type Answer struct {
	Status  int    // 0: there was no answer
	Outcome string // the status, or why there is none
	Body    []byte // of a good answer, the caller's to keep
	Err     error  // where there was no answer

	again bool // the service asks to be asked again,
	after time.Duration
}

// OK tells whether the status is one of success.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Unanswered tells whether the service may have done what was asked without
// saying so.
func (a *Answer) Unanswered() bool {
	var network *net.OpError
	unsent := a.Outcome == OutcomeToken || errors.As(a.Err, &network) && network.Op == "dial"
	return a.Status == 0 && !unsent
}

// Do sends a request and waits for its answer. path begins with a slash and
// goes behind the URL of the API; a body is JSON. The end of ctx does not break
// a request off: its effect would not be known.
func (c *Client) Do(ctx context.Context, method, path string, body []byte) Answer {
	for begin := time.Now(); ; {
		a := c.known(ctx, method, path, body)
		if !a.again || time.Since(begin)+a.after >= c.patience || !measure.Pause(ctx, a.after) {
			return a
		}
	}
}

// known sends a request as somebody, and as somebody else if that is refused.
func (c *Client) known(ctx context.Context, method, path string, body []byte) Answer {
	for attempt := 0; ; attempt++ {
		headers, err := c.auth.Headers(ctx)
		if err != nil {
			return Answer{Outcome: OutcomeToken, Err: err}
		}
		a := c.once(method, path, body, headers)
		if a.Status != http.StatusUnauthorized || attempt > 0 {
			return a
		}
		again, err := c.auth.Renew(ctx, headers)
		if err != nil {
			return Answer{Outcome: OutcomeToken, Err: err}
		}
		if !again {
			return a
		}
	}
}

func (c *Client) once(method, path string, body []byte, headers []Header) Answer {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod(method)
	request.URI().DisablePathNormalizing = true
	request.SetRequestURI(c.scheme + "://" + c.host.Addr + c.prefix + path)
	request.Header.Set("Accept", "application/json")
	if c.version != "" {
		request.Header.Set("OpenStack-API-Version", "accelerator "+c.version)
	}
	for _, h := range headers {
		request.Header.Set(h.Name, h.Value)
	}
	if body != nil {
		request.Header.SetContentType("application/json")
		request.SetBodyRaw(body)
	}
	if err := c.host.DoTimeout(request, response, c.timeout); err != nil {
		return failed(err)
	}
	a := Answer{Status: response.StatusCode(), Outcome: strconv.Itoa(response.StatusCode())}
	a.Body = append(a.Body, response.Body()...)
	a.again, a.after = retryAfter(a.Status, response.Header.Peek(fasthttp.HeaderRetryAfter))
	return a
}

// retryAfter tells whether, and when, a service asks to be asked again.
func retryAfter(status int, header []byte) (again bool, after time.Duration) {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return false, 0
	}
	seconds, err := strconv.ParseUint(string(header), 10, 16)
	if err != nil { // or a date, which no service of this API gives
		return status == http.StatusTooManyRequests, time.Second
	}
	return true, time.Duration(seconds) * time.Second
}

func failed(err error) Answer {
	var network net.Error
	if errors.Is(err, fasthttp.ErrTimeout) || errors.As(err, &network) && network.Timeout() {
		return Answer{Outcome: OutcomeTimeout, Err: err}
	}
	return Answer{Outcome: OutcomeConnection, Err: err}
}
