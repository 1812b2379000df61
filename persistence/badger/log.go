package badger

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// engineLog passes on what Badger logs. Badger only logs some errors that it
// ought to return: its errors are raised as ours, never dropped.
type engineLog struct {
	log *slog.Logger
	// ignoredTable is set when Badger opens without a table it cannot read.
	ignoredTable atomic.Bool
	// unwritten counts the times that Badger could not write a log into a table.
	// It tries again, for ever.
	unwritten atomic.Int64
}

func (l *engineLog) Errorf(format string, args ...any) {
	text := sentence(format, args)
	if strings.HasPrefix(text, "Ignoring table") {
		l.ignoredTable.Store(true)
	}
	if strings.HasPrefix(text, "error flushing memtable to disk") {
		l.unwritten.Add(1)
	}
	l.log.Error("the storage engine reports an error", "detail", text)
}

func (l *engineLog) Warningf(format string, args ...any) {
	l.log.Warn("the storage engine warns", "detail", sentence(format, args))
}

func (l *engineLog) Infof(format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("storage engine", "detail", sentence(format, args))
	}
}

// Debugf drops the text: Badger calls it several times for each write.
func (l *engineLog) Debugf(string, ...any) {}

func sentence(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
