package nova

import (
	"context"
	"fmt"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/openstack"
)

// judge takes note of the verdicts on an event's ARQs and gives the outcome of
// the event.
func (n *Notifier) judge(ctx context.Context, e *actors.Event, verdicts map[externalEvent]verdict) error {
	refused, open := 0, 0
	server := e.Instance.String()
	for _, a := range e.ARQs {
		v := verdicts[externalEvent{Server: server, Tag: a.UUID.String()}]
		n.counts.verdicts[v].Add(1)
		switch v {
		case accepted:
		case unsettled:
			open++
		default:
			refused++
			n.log.Log(ctx, v.level(), "nova refused an event", "why", v.String(), "instance", e.Instance,
				"arq", a.UUID, "completed", a.Completed, "request_id", e.RequestID)
		}
	}
	switch {
	case open > 0:
		return fmt.Errorf("%w: of %d events %d are not settled", openstack.ErrMalformed, len(e.ARQs), open)
	case refused == len(e.ARQs):
		return actors.ErrRefused
	}
	return nil
}

// sameFor gives the same outcome to all events of a request: it was refused as a
// whole, or it failed.
func (n *Notifier) sameFor(events []*actors.Event, why verdict, err error) []error {
	outcomes := make([]error, len(events))
	for i, e := range events {
		outcomes[i] = err
		if why == unsettled {
			continue
		}
		outcomes[i] = fmt.Errorf("%w: %w", actors.ErrRefused, err)
		n.counts.verdicts[why].Add(uint64(len(e.ARQs)))
		n.log.Warn("nova refused a request", "why", why.String(), "instance", e.Instance, "request_id", e.RequestID, "error", err)
	}
	return outcomes
}
