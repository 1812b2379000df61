package openstack

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// Connection says how to reach the services of a cloud.
type Connection struct {
	CAFile   string // authorities to trust instead of the system's, PEM
	CertFile string // what to show to a service that asks, PEM; with KeyFile
	KeyFile  string
	Insecure bool // believe any certificate

	Timeout time.Duration // of one attempt, from connecting to the last byte; 10 s
	Retries int           // attempts after the first, where repeating is safe
	Pause   time.Duration // before the first retry, doubled each time; 200 ms
	MaxBody int64         // of an answer, bytes; 32 MiB
}

func (c Connection) withDefaults() Connection {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Pause == 0 {
		c.Pause = 200 * time.Millisecond
	}
	if c.MaxBody == 0 {
		c.MaxBody = 32 << 20
	}
	return c
}

// client makes the HTTP client. Errors name the option at fault.
func (c *Connection) client() (*http.Client, error) {
	conf, err := c.TLS()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment, // as every OpenStack service
		DialContext:         (&net.Dialer{Timeout: c.Timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     conf,
		TLSHandshakeTimeout: c.Timeout,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
	}
	return &http.Client{
		Transport:     &bounded{transport: transport, most: c.MaxBody},
		Timeout:       c.Timeout,
		CheckRedirect: stayThere,
	}, nil
}

// TLS reads the files. Errors name the option at fault.
func (c *Connection) TLS() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.Insecure}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("cafile: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("cafile: %s holds no certificate", c.CAFile)
		}
	}
	if c.CertFile == "" && c.KeyFile == "" {
		return conf, nil
	}
	key := c.KeyFile
	if key == "" {
		key = c.CertFile // both in one file
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, key)
	if err != nil {
		return nil, fmt.Errorf("certfile: %w", err)
	}
	conf.Certificates = []tls.Certificate{pair}
	return conf, nil
}

// errElsewhere stops a redirect that would take tokens to another machine or
// out of TLS.
var errElsewhere = errors.New("the service redirects to another host or to plain HTTP")

const maxRedirects = 3

func stayThere(r *http.Request, via []*http.Request) error {
	from := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return errors.New("the service redirects without end")
	case r.URL.Hostname() != from.Hostname(), from.Scheme == "https" && r.URL.Scheme != "https":
		return errElsewhere
	}
	return nil
}

// bounded cuts answers that are too long to be right.
type bounded struct {
	transport *http.Transport
	most      int64
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.transport.RoundTrip(r)
	if err == nil {
		answer.Body = &boundedBody{ReadCloser: answer.Body, left: b.most}
	}
	return answer, err
}

// CloseIdleConnections is what http.Client looks for.
func (b *bounded) CloseIdleConnections() { b.transport.CloseIdleConnections() }

var errTooLong = errors.New("the answer is too long")

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
