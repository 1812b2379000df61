package nova

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
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

func external(events []*actors.Event) *externalEvents {
	body := &externalEvents{Events: make([]externalEvent, 0, len(events))}
	for _, e := range events {
		for _, a := range e.ARQs {
			status := "failed"
			if a.Completed {
				status = "completed"
			}
			body.Events = append(body.Events, externalEvent{eventName, e.Instance.String(), a.UUID.String(), status})
		}
	}
	return body
}

// Notify sends events, all their ARQs in one request. When Nova refuses several
// as a whole, it is found out which it is that it refuses: each is sent by itself.
func (n *Notifier) Notify(ctx context.Context, events []*actors.Event) []error {
	outcomes, refused := n.try(ctx, events)
	if refused == nil {
		return outcomes
	}
	n.log.Warn("nova refused a request of several events; each is sent by itself", "events", len(events), "error", refused)
	return n.separately(ctx, events)
}

// separately sends events one after the other. When one is not settled, those after
// it are not sent: Nova may be away, and each would wait for that.
func (n *Notifier) separately(ctx context.Context, events []*actors.Event) []error {
	var outcomes []error
	for i := range events {
		outcome, _ := n.try(ctx, events[i:i+1])
		outcomes = append(outcomes, outcome...)
		if err := outcome[0]; err != nil && !errors.Is(err, actors.ErrRefused) {
			return append(outcomes, slices.Repeat([]error{err}, len(events)-i-1)...)
		}
	}
	return outcomes
}

// try makes one request of events and gives the outcome of each. It gives none,
// but why, when Nova has refused several as a whole, and one of them may be what
// it does not like.
func (n *Notifier) try(ctx context.Context, events []*actors.Event) (outcomes []error, refused error) {
	body, err := n.send(ctx, events)
	var verdicts map[externalEvent]verdict
	if err == nil {
		verdicts, err = read(body)
	}
	if err != nil {
		why := wholeVerdict(err)
		if why == rejected && len(events) > 1 {
			return nil, err
		}
		outcomes = n.sameFor(events, why, err)
	} else {
		for _, e := range events {
			outcomes = append(outcomes, n.judge(ctx, e, verdicts))
		}
	}
	n.note(ctx, outcomes)
	return outcomes, nil
}

// note keeps count of what failed, and of whether Nova takes events: it does if it
// has settled one.
func (n *Notifier) note(ctx context.Context, outcomes []error) {
	open, why := 0, error(nil)
	for _, err := range outcomes {
		if err != nil && !errors.Is(err, actors.ErrRefused) {
			open, why = open+1, err
		}
	}
	if open > 0 && ctx.Err() == nil { // else it is us who stop
		n.counts.failed.Add(1)
	}
	switch {
	case open < len(outcomes):
		n.outage.over(time.Now())
	case ctx.Err() == nil:
		n.outage.begin(time.Now(), why)
	}
}

// send makes one request and gives the answer to it.
func (n *Notifier) send(ctx context.Context, events []*actors.Event) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	client, err := n.session.Client(ctx, n.service)
	if err != nil {
		return nil, err
	}
	headers := map[string]string{"OpenStack-API-Version": microversion}
	if id := requestID(events); id != "" {
		headers["X-Openstack-Request-Id"] = id
	}
	n.counts.requests.Add(1)
	answer, err := client.Post(ctx, client.ServiceURL("os-server-external-events"), external(events), nil, &gophercloud.RequestOpts{
		KeepResponseBody: true,
		OkCodes:          []int{http.StatusOK, http.StatusMultiStatus},
		MoreHeaders:      headers,
	})
	if err != nil {
		return nil, failed(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return body, openstack.Explain(err)
}

// requestID is the id of the request that has made all of the events. Several may
// have one each: then there is none, and Nova's log knows them by server and tag.
func requestID(events []*actors.Event) string {
	id := events[0].RequestID
	for _, e := range events[1:] {
		if e.RequestID != id {
			return ""
		}
	}
	return id
}
