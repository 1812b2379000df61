package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// client sends requests as one identity and keeps its connections open.
type client struct {
	t      *testing.T
	base   string // URL that paths are appended to
	header http.Header
	http   *http.Client
}

// answer is a complete answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

const jsonType = "application/json"

// client makes one for the API, without identity headers.
func (p *process) client() *client {
	return newClient(p.t, p.api+"/v2", &http.Transport{MaxIdleConnsPerHost: 64})
}

func newClient(t *testing.T, base string, transport *http.Transport) *client {
	t.Helper()
	transport.DisableCompression = true
	t.Cleanup(transport.CloseIdleConnections)
	return &client{
		t: t, base: base, header: http.Header{},
		http: &http.Client{Transport: transport, Timeout: time.Minute},
	}
}

// with gives the same client with further headers.
func (c *client) with(header http.Header) *client {
	other := *c
	other.header = maps.Clone(c.header)
	maps.Copy(other.header, header)
	return &other
}

// version gives the same client at a microversion.
func (c *client) version(v string) *client {
	return c.with(http.Header{"Openstack-Api-Version": {"accelerator " + v}})
}

// do sends a request. A body that is not nil goes out as JSON: text and bytes
// as they are, all else encoded.
func (c *client) do(method, path string, body any) (*answer, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(encode(body))
	}
	request, err := http.NewRequest(method, c.base+path, content)
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, c.header)
	if body != nil && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", jsonType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content2, err := io.ReadAll(response.Body)
	return &answer{response.StatusCode, response.Header, content2}, err
}

func encode(body any) []byte {
	switch body := body.(type) {
	case []byte:
		return body
	case string:
		return []byte(body)
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // the tests' own values
	}
	return b
}

// send is do for the goroutine of the test: no answer fails it.
func (c *client) send(method, path string, body any) *answer {
	c.t.Helper()
	a, err := c.do(method, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// want sends a request and fails the test unless the answer has the status.
func (c *client) want(status int, method, path string, body any) *answer {
	c.t.Helper()
	a := c.send(method, path, body)
	if a.status != status {
		c.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// read decodes the answer's body.
func (a *answer) read(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		t.Fatalf("the body is no JSON of the expected form: %v: %.300s", err, a.body)
	}
}

// fault gives the text of an error envelope: of either form, and of a 401.
func (a *answer) fault() (string, error) {
	var outer struct {
		Message *string `json:"error_message"`
		Error   *struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(a.body, &outer); err != nil {
		return "", err
	}
	switch {
	case outer.Error != nil:
		return outer.Error.Message, nil
	case outer.Message == nil:
		return "", fmt.Errorf("no error envelope: %.200s", a.body)
	case !strings.HasPrefix(*outer.Message, "{"):
		return *outer.Message, nil
	}
	var inner struct {
		Fault *string `json:"faultstring"`
	}
	if err := json.Unmarshal([]byte(*outer.Message), &inner); err != nil {
		return "", err
	}
	if inner.Fault == nil {
		return "", fmt.Errorf("no faultstring: %.200s", *outer.Message)
	}
	return *inner.Fault, nil
}
