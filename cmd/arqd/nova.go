package main

import (
	"io"
	"log/slog"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/http/openstack/nova"
)

// maxNovaAnswer is far beyond any answer to the events of one request, bytes.
const maxNovaAnswer = 4 << 20

// novaDeliveries is how many requests to Nova there are at a time: so many
// instances may be slow to judge, and the others' events still go out at once.
// The log takes one at a time, so all that wait for it.
const (
	novaDeliveries = 16
	logDeliveries  = 1
)

func (s *service) deliveries() int {
	if s.cfg.Nova.Enabled() {
		return novaDeliveries
	}
	return logDeliveries
}

// newNotifier makes what takes the events of the outbox: Nova, or where there
// is none to tell the log. Nova need not be there yet.
func (s *service) newNotifier(metrics *http.Metrics) (actors.Notifier, error) {
	if !s.cfg.Nova.Enabled() {
		return newEventLog(s.output, func(w io.Writer) slog.Handler { return newLogHandler(s.cfg, w, slog.LevelInfo) }), nil
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
			Requests: st.Requests, Failed: st.Failed, Away: st.Away,
		}
	})
	return notifier, nil
}
