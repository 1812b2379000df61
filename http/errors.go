package http

import (
	"context"
	"errors"
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
)

// fault is an error of a resource: the envelope with faultcode and faultstring.
type fault struct {
	status  int
	message string
	retry   bool // Retry-After
	after   int  // seconds of it; 0: retryAfterSeconds
}

func (f *fault) Error() string { return f.message }

func refuse(status int, format string, args ...any) *fault {
	return &fault{status: status, message: fmt.Sprintf(format, args...)}
}

// invalid is the 400 for a field; the text begins with its name.
func invalid(format string, args ...any) *fault {
	return refuse(fasthttp.StatusBadRequest, format, args...)
}

// routeError is an error before any resource was reached: plain text in the
// envelope, and no version headers but those it names.
type routeError struct {
	status   int
	message  string
	allow    string // of a 405
	versions bool   // Vary and the range of versions: the 406 of a version out of range
}

func (e *routeError) Error() string { return e.message }

var (
	errNoRoute = &routeError{status: fasthttp.StatusNotFound, message: "The resource could not be found."}
	errAccept  = &routeError{
		status:  fasthttp.StatusNotAcceptable,
		message: "Accept: the answer is application/json, which the request does not take.",
	}
	errUnauthorized = errors.New("the request needs a valid token")
	// errLocked is 423: not all ARQs of the instance are resolved.
	errLocked = errors.New("not all of the instance's accelerator requests are resolved")

	errStarting = &fault{
		status: fasthttp.StatusServiceUnavailable, retry: true, message: "The service is starting.",
	}
	errIdentityUnknown = &fault{
		status: fasthttp.StatusServiceUnavailable, retry: true, message: "The token could not be checked.",
	}
	errInternal = &fault{
		status: fasthttp.StatusInternalServerError, message: "The service failed; its log says why.",
	}
	errOutcomeUnknown = &fault{
		status: fasthttp.StatusServiceUnavailable, retry: true,
		message: "The change did not finish in time and its outcome is not known: " +
			"look at the resource before repeating it.",
	}
)

// faultOf is the only table from an error of the Backend to a status.
func faultOf(err error) *fault {
	if own, ok := errors.AsType[*fault](err); ok {
		return own
	}
	var e *actors.Error
	if !errors.As(err, &e) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return errOutcomeUnknown
		}
		return errInternal
	}
	switch e.Code {
	case actors.CodeInvalid:
		return &fault{status: fasthttp.StatusBadRequest, message: e.Message}
	case actors.CodeNotFound, actors.CodeNoFreeHandle:
		return &fault{status: fasthttp.StatusNotFound, message: e.Message}
	case actors.CodeConflict, actors.CodeUnresolved:
		return &fault{status: fasthttp.StatusConflict, message: e.Message}
	case actors.CodeForbidden:
		return &fault{status: fasthttp.StatusForbidden, message: e.Message}
	case actors.CodeUnavailable:
		return &fault{status: fasthttp.StatusServiceUnavailable, message: e.Message, retry: true}
	case actors.CodeTimeout:
		return errOutcomeUnknown
	case actors.CodeDeviceFailed:
		return &fault{status: fasthttp.StatusInternalServerError, message: e.Message}
	case actors.CodeInternal:
		return errInternal
	}
	return errInternal
}
