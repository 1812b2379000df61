package http

import (
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
)

// isChange tells whether a request may have changed something.
func (c *call) isChange() bool {
	return c.route != nil && c.route.rule != "" && c.route.method != get
}

// touches notes what a change is about, as far as the path does not say it.
func (c *call) touches(id uuid.UUID) { c.touched = append(c.touched, id) }

// logChange writes the audit line: who wanted what of whom, and what became of
// it. It has all of the access line, and takes its place.
func (c *call) logChange(took time.Duration) {
	log := c.srv.opt.Log
	if !log.Enabled(c.srv.lifetime, slog.LevelInfo) {
		return
	}
	id, more := c.identity, make([]slog.Attr, 0, 12)
	more = append(more, slog.String("action", c.route.rule), slog.String("outcome", c.outcome()))
	if id != nil {
		more = append(more, slog.String("roles", strings.Join(id.Roles, ",")))
		if id.ServiceUserID != "" {
			more = append(more, slog.String("service_user_id", id.ServiceUserID))
		}
	}
	if len(c.touched) > 0 {
		more = append(more, slog.Int("count", len(c.touched)), slog.String("resources", listed(c.touched)))
	}
	log.LogAttrs(c.srv.lifetime, slog.LevelInfo, "change", c.answered(more, took)...)
}

// outcome says in a word what became of a change.
func (c *call) outcome() string {
	switch status := c.ctx.Response.StatusCode(); {
	case c.unknown:
		return "unknown"
	case status == fasthttp.StatusAccepted:
		return "accepted"
	case status < fasthttp.StatusMultipleChoices:
		return "success"
	case status == fasthttp.StatusUnauthorized, status == fasthttp.StatusForbidden:
		return "denied"
	case status < fasthttp.StatusInternalServerError:
		return "refused"
	}
	return "failed"
}

// maxListed bounds the uuids in a line.
const maxListed = 64

func listed(ids []uuid.UUID) string {
	var b strings.Builder
	for i, id := range ids[:min(len(ids), maxListed)] {
		if i > 0 {
			b.WriteByte(',')
		}
		var text [36]byte
		b.Write(appendUUID(text[:0], id))
	}
	if len(ids) > maxListed {
		b.WriteString(",...")
	}
	return b.String()
}
