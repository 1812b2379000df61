package openstack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
)

// ErrUnreachable means that a service gave no answer: none in time, or that it
// cannot give one now (429 and 5xx).
var ErrUnreachable = errors.New("the service does not answer")

// ErrMalformed means that an answer is not what the service's API promises.
var ErrMalformed = errors.New("the answer makes no sense")

// ErrCredentials means that Keystone refuses our own credentials.
var ErrCredentials = errors.New("our own credentials are refused")

// StatusError is an answer with another status than was wanted. It does not
// repeat the body: some services put what they were sent into it.
type StatusError struct {
	Method, URL string
	Status      int
	Header      http.Header
}

// Error names the request, the status, and the id by which the service's log
// knows the request.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: status %d", e.Method, e.URL, e.Status)
	if id := e.Header.Get("X-Openstack-Request-Id"); id != "" {
		text += ", " + id
	}
	return text
}

// Unwrap makes what will pass an ErrUnreachable.
func (e *StatusError) Unwrap() error {
	if passing(e.Status) {
		return ErrUnreachable
	}
	return nil
}

// passing tells whether another attempt may be answered otherwise.
func passing(status int) bool {
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// Explain makes of gophercloud's errors those of this package, without bodies
// and secrets.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	var (
		status  gophercloud.ErrUnexpectedResponseCode
		renewal *gophercloud.ErrUnableToReauthenticate
		network net.Error
		syntax  *json.SyntaxError
		kind    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &renewal):
		return Explain(renewal.ErrReauth)
	case errors.As(err, &status):
		return &StatusError{Method: status.Method, URL: status.URL, Status: status.Actual, Header: status.ResponseHeader}
	case errors.Is(err, ErrUnreachable), errors.Is(err, ErrMalformed), errors.Is(err, ErrCredentials):
		return err
	case errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, errTooLong), errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return err
}
