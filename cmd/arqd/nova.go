package main

import (
	"context"
	"log/slog"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/http/openstack/nova"
)

// maxNovaAnswer is far beyond any answer to the events of one instance, bytes.
const maxNovaAnswer = 4 << 20

// newNotifier makes what takes the events of the outbox: Nova, or where there
// is none to tell the log. Nova need not be there yet.
func (s *service) newNotifier(metrics *http.Metrics) (actors.Notifier, error) {
	if !s.cfg.Nova.Enabled() {
		return logNotifier(s.log), nil
	}
	telling := s.cfg.Nova.Client
	telling.Connection.MaxBody = maxNovaAnswer
	session, where, err := s.newClient("nova", &telling)
	if err != nil {
		return nil, err
	}
	notifier := nova.New(session, where, s.log)
	metrics.SetNova(func() http.NovaCounts {
		st := notifier.Stats()
		return http.NovaCounts{
			Accepted: st.Accepted, UnknownInstance: st.UnknownInstance, NoHost: st.NoHost, Rejected: st.Rejected,
			Failed: st.Failed, Away: st.Away,
		}
	})
	return notifier, nil
}

// logNotifier writes events to the log, in place of the compute service.
func logNotifier(log *slog.Logger) actors.Notifier {
	return actors.NotifierFunc(func(_ context.Context, e *actors.Event) error {
		for _, a := range e.ARQs {
			status := "failed"
			if a.Completed {
				status = "completed"
			}
			log.Info("event", "name", "accelerator-request-bound", "server_uuid", e.Instance,
				"tag", a.UUID, "status", status, "request_id", e.RequestID)
		}
		return nil
	})
}
