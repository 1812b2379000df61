package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/arqd/arqd/actors"
)

// eventLog is an actors.Notifier that writes events to the log, in place of the
// compute service: a line for each ARQ, and all lines of a call in one write.
type eventLog struct {
	output io.Writer // of the log

	mu      sync.Mutex // guards what follows
	handler slog.Handler
	lines   bytes.Buffer // that the handler has made
}

// newEventLog makes one that writes what handlers of the log would write.
func newEventLog(output io.Writer, handler func(io.Writer) slog.Handler) *eventLog {
	l := &eventLog{output: output}
	l.handler = handler(&l.lines)
	return l
}

// Notify takes all events. Of a log that cannot be written nobody could be told.
func (l *eventLog) Notify(ctx context.Context, events []*actors.Event) []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, e := range events {
		server, request := slog.String("server_uuid", e.Instance.String()), slog.String("request_id", e.RequestID)
		for _, a := range e.ARQs {
			status := "failed"
			if a.Completed {
				status = "completed"
			}
			line := slog.NewRecord(now, slog.LevelInfo, "event", 0)
			line.AddAttrs(slog.String("name", "accelerator-request-bound"), server,
				slog.String("tag", a.UUID.String()), slog.String("status", status), request)
			_ = l.handler.Handle(ctx, line)
		}
	}
	_, _ = l.output.Write(l.lines.Bytes())
	l.lines.Reset()
	return nil
}

// sharedWriter takes lines from several handlers of the log, one after the other.
type sharedWriter struct {
	mu     sync.Mutex
	output io.Writer
}

// Write hands lines on.
func (w *sharedWriter) Write(lines []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.output.Write(lines)
}
