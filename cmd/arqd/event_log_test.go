package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/cmd/arqd/config"
)

// writes counts what is written at a time.
type writes struct {
	bytes.Buffer

	n int
}

// Write implements io.Writer.
func (w *writes) Write(b []byte) (int, error) {
	w.n++
	return w.Buffer.Write(b)
}

func someEvents(n, arqs int) (events []*actors.Event) {
	for range n {
		e := &actors.Event{Instance: uuid.New(), RequestID: "req-" + uuid.NewString()}
		for i := range arqs {
			e.ARQs = append(e.ARQs, actors.EventARQ{UUID: uuid.New(), Completed: i%2 == 0})
		}
		events = append(events, e)
	}
	return events
}

func eventLogOf(format config.LogFormat, w io.Writer) *eventLog {
	cfg := &config.Config{}
	cfg.Default.LogFormat = format
	return newEventLog(w, func(w io.Writer) slog.Handler { return newLogHandler(cfg, w, slog.LevelInfo) })
}

// The lines are those that the log itself would have, in order, and one write for a
// delivery.
func TestEventsAreLines(t *testing.T) {
	times := regexp.MustCompile(`(time=|"time":)\S+?Z?"?[ ,]`)
	for _, format := range []config.LogFormat{config.LogText, config.LogJSON} {
		var got writes
		var want bytes.Buffer
		cfg := &config.Config{}
		cfg.Default.LogFormat = format
		log, _ := newLogger(cfg, &want)
		l := eventLogOf(format, &got)
		for delivery := range 2 {
			events := someEvents(3, 2)
			events[1].RequestID = ""
			if outcomes := l.Notify(t.Context(), events); outcomes != nil {
				t.Errorf("outcomes %v, want that all are taken", outcomes)
			}
			for _, e := range events {
				for i, a := range e.ARQs {
					log.Info("event", "name", "accelerator-request-bound", "server_uuid", e.Instance, "tag", a.UUID,
						"status", []string{"completed", "failed"}[i], "request_id", e.RequestID)
				}
			}
			if got.n != delivery+1 {
				t.Errorf("%s: %d writes for %d deliveries", format, got.n, delivery+1)
			}
		}
		if g, w := times.ReplaceAllString(got.String(), ""), times.ReplaceAllString(want.String(), ""); g != w {
			t.Errorf("%s:\n%s\nwant\n%s", format, g, w)
		}
		if lines := strings.Count(got.String(), "\n"); lines != 12 || len(times.FindAllString(got.String(), -1)) != lines {
			t.Errorf("%d lines, %d with a time", lines, len(times.FindAllString(got.String(), -1)))
		}
	}
}

// BenchmarkEventLog writes the events of a commit; an operation is a line.
func BenchmarkEventLog(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	l, events := eventLogOf(config.LogText, &sharedWriter{output: null}), someEvents(30, 1)
	b.ReportAllocs()
	for range b.N / len(events) {
		l.Notify(b.Context(), events)
	}
}
