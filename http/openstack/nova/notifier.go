package nova

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/openstack"
)

const (
	eventName    = "accelerator-request-bound"
	microversion = "compute 2.82" // the first that knows the event
	attemptLimit = time.Minute    // authentication and all
)

// Notifier is an actors.Notifier that tells Nova.
type Notifier struct {
	session *openstack.Session
	service openstack.Service
	log     *slog.Logger
	counts  counts
	outage  outage
}

// New makes a Notifier that goes to the service with the session, which stays
// the caller's to close.
func New(session *openstack.Session, service openstack.Service, log *slog.Logger) *Notifier {
	return &Notifier{session: session, service: service, log: log, outage: outage{log: log}}
}

// externalEvent is an event as Nova wants it: further members are refused.
type externalEvent struct {
	Name   string `json:"name"`
	Server string `json:"server_uuid"`
	Tag    string `json:"tag"`
	Status string `json:"status"`
}

// externalEvents is the body of a request.
type externalEvents struct {
	Events []externalEvent `json:"events"`
}

func external(e *actors.Event) *externalEvents {
	body := &externalEvents{Events: make([]externalEvent, len(e.ARQs))}
	for i, a := range e.ARQs {
		status := "failed"
		if a.Completed {
			status = "completed"
		}
		body.Events[i] = externalEvent{eventName, e.Instance.String(), a.UUID.String(), status}
	}
	return body
}

// Notify sends an event, all its ARQs in one request.
func (n *Notifier) Notify(ctx context.Context, e *actors.Event) error {
	verdicts, err := n.send(ctx, e)
	if err == nil {
		err = n.judge(ctx, e, verdicts)
	}
	if err != nil && !errors.Is(err, actors.ErrRefused) {
		if ctx.Err() == nil { // else it is us who stop
			n.counts.failed.Add(1)
			n.outage.begin(time.Now(), err)
		}
		return err
	}
	n.outage.over(time.Now())
	return err
}

// send makes one request and reads Nova's verdict on each ARQ. An error that
// wraps actors.ErrRefused refuses the request as a whole.
func (n *Notifier) send(ctx context.Context, e *actors.Event) ([]verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	client, err := n.session.Client(ctx, n.service)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{"OpenStack-API-Version": microversion}
	if e.RequestID != "" {
		headers["X-Openstack-Request-Id"] = e.RequestID
	}
	answer, err := client.Post(ctx, client.ServiceURL("os-server-external-events"), external(e), nil, &gophercloud.RequestOpts{
		KeepResponseBody: true,
		OkCodes:          []int{http.StatusOK, http.StatusMultiStatus},
		MoreHeaders:      headers,
	})
	if err != nil {
		return nil, n.failed(e, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, openstack.Explain(err)
	}
	return read(e, body)
}

// failed tells a request that Nova refuses as a whole from one that it may take
// later.
func (n *Notifier) failed(e *actors.Event, err error) error {
	answer, isAnswer := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err)
	err = openstack.Explain(err)
	why := unsettled
	if isAnswer {
		why = refusal(answer.Actual, answer.Body)
	}
	if why == unsettled {
		return err
	}
	n.counts.verdicts[why].Add(uint64(len(e.ARQs)))
	n.log.Warn("nova refused a request", "why", why.String(), "instance", e.Instance, "request_id", e.RequestID, "error", err)
	return fmt.Errorf("%w: %w", actors.ErrRefused, err)
}

// judge takes note of the verdicts and gives the outcome of the whole.
func (n *Notifier) judge(ctx context.Context, e *actors.Event, verdicts []verdict) error {
	refused, open := 0, 0
	for i, v := range verdicts {
		n.counts.verdicts[v].Add(1)
		switch v {
		case accepted:
		case unsettled:
			open++
		default:
			refused++
			n.log.Log(ctx, v.level(), "nova refused an event", "why", v.String(), "instance", e.Instance,
				"arq", e.ARQs[i].UUID, "completed", e.ARQs[i].Completed, "request_id", e.RequestID)
		}
	}
	switch {
	case open > 0:
		return fmt.Errorf("%w: of %d events %d are not settled", openstack.ErrMalformed, len(verdicts), open)
	case refused == len(verdicts):
		return actors.ErrRefused
	}
	return nil
}
