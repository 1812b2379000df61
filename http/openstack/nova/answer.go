package nova

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/arqd/arqd/http/openstack"
)

// verdict is what Nova says of the event of one ARQ.
type verdict uint8

const (
	unsettled       verdict = iota // nothing, or that it cannot do it now
	accepted                       // 200
	unknownInstance                // 404: it was deleted
	noHost                         // 422: not on a host yet, so it will look by itself
	rejected                       // anything else, for good
	verdictCount
)

var verdictNames = [verdictCount]string{
	"unsettled", "accepted", "unknown instance", "instance without a host", "rejected",
}

// String gives the verdict in words.
func (v verdict) String() string { return verdictNames[v] }

// level is how loudly a refusal is logged. A quick bind is told 422 often.
func (v verdict) level() slog.Level {
	switch v {
	case noHost:
		return slog.LevelDebug
	case unknownInstance:
		return slog.LevelInfo
	default:
		return slog.LevelWarn
	}
}

func verdictOf(code int) verdict {
	switch {
	case code == http.StatusOK:
		return accepted
	case code == http.StatusNotFound:
		return unknownInstance
	case code == http.StatusUnprocessableEntity:
		return noHost
	case code >= 400 && code < 500:
		return rejected
	default:
		return unsettled
	}
}

// read finds the verdicts in an answer, by server and tag.
func read(body []byte) (map[externalEvent]verdict, error) {
	var answer struct {
		Events []struct {
			externalEvent

			Code int `json:"code"`
		} `json:"events"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%w: %w", openstack.ErrMalformed, err)
	}
	verdicts := make(map[externalEvent]verdict, len(answer.Events))
	for _, of := range answer.Events {
		verdicts[externalEvent{Server: of.Server, Tag: of.Tag}] = verdictOf(of.Code)
	}
	return verdicts, nil
}

// wholeError is an answer that refuses a request as a whole, for good.
type wholeError struct {
	error

	why verdict
}

// Unwrap gives the answer.
func (e *wholeError) Unwrap() error { return e.error }

// failed tells a request that Nova refuses as a whole, a wholeError, from one that
// it may take later.
func failed(err error) error {
	answer, isAnswer := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err)
	err = openstack.Explain(err)
	if !isAnswer {
		return err
	}
	if why := refusal(answer.Actual, answer.Body); why != unsettled {
		return &wholeError{err, why}
	}
	return err
}

// wholeVerdict is what an error says of all events of a request.
func wholeVerdict(err error) verdict {
	if whole, is := errors.AsType[*wholeError](err); is {
		return whole.why
	}
	return unsettled
}

// refusal is the verdict of a status on a request as a whole. One that Nova
// cannot read will not be read later either. What is about our token and its
// roles (401, 403) an operator may put right in time.
func refusal(status int, body []byte) verdict {
	switch status {
	case http.StatusNotFound:
		if noneKnown(body) {
			return unknownInstance
		}
		return unsettled // the endpoint is wrong, or not Nova's
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusConflict,
		http.StatusTooEarly, http.StatusTooManyRequests:
		return unsettled
	}
	if status >= 400 && status < 500 {
		return rejected
	}
	return unsettled
}

// noneKnown knows the 404 of older Novas that took no event of a request.
func noneKnown(body []byte) bool {
	var fault struct {
		NotFound struct {
			Message string `json:"message"`
		} `json:"itemNotFound"`
	}
	return json.Unmarshal(body, &fault) == nil && strings.Contains(fault.NotFound.Message, "No instances found")
}
