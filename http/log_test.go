package http

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
)

// logRecorder keeps the log lines.
type logRecorder struct {
	level slog.Level // the lowest that is kept
	mu    sync.Mutex
	lines []map[string]string
}

// Enabled implements slog.Handler.
func (l *logRecorder) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

// Handle implements slog.Handler.
func (l *logRecorder) Handle(_ context.Context, r slog.Record) error {
	line := map[string]string{"level": r.Level.String(), "msg": r.Message}
	r.Attrs(func(a slog.Attr) bool {
		line[a.Key] = a.Value.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// WithAttrs implements slog.Handler.
func (l *logRecorder) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *logRecorder) WithGroup(string) slog.Handler { return l }

// find gives the last line with that message.
func (l *logRecorder) find(t *testing.T, message string) map[string]string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range slices.Backward(l.lines) {
		if line["msg"] == message {
			return line
		}
	}
	t.Fatalf("no log line %q", message)
	return nil
}

// all gives the lines so far; the service may still be writing.
func (l *logRecorder) all() []map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// count gives how many lines have that message.
func (l *logRecorder) count(message string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if line["msg"] == message {
			n++
		}
	}
	return n
}
