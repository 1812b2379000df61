package agents

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/devices/protocol"
)

// openImage streams an image, or the rest of it, to the host that is to load it.
func openImage(c *call) (any, error) {
	text, _ := c.ctx.UserValue("image").(string)
	image, err := uuid.Parse(text)
	if err != nil {
		return nil, errNoPath
	}
	session, err := uuid.ParseBytes(c.ctx.QueryArgs().Peek(protocol.ParamSession))
	if err != nil {
		return nil, invalid(protocol.ParamSession + " is no uuid")
	}
	content, about, err := c.backend.OpenImage(c.life, c.host, session, image)
	if err != nil {
		return nil, err
	}
	header := &c.ctx.Response.Header
	header.Set(fasthttp.HeaderAcceptRanges, "bytes")
	if digest := protocol.DigestHeader(&about); digest != "" {
		header.Set("Digest", digest)
	}
	c.ctx.SetContentType("application/octet-stream")
	from, ok := rangeStart(string(c.ctx.Request.Header.Peek(fasthttp.HeaderRange)), about.Size)
	if !ok {
		_ = content.Close()
		header.Set(fasthttp.HeaderContentRange, "bytes */"+strconv.FormatInt(about.Size, 10))
		c.ctx.SetStatusCode(fasthttp.StatusRequestedRangeNotSatisfiable)
		return nil, nil //nolint:nilnil // an empty answer is one
	}
	if from > 0 {
		// The image service gives it from its beginning; that it is the image which
		// it should be, is found out on the way.
		if _, err := io.CopyN(io.Discard, content, from); err != nil {
			return nil, errors.Join(err, content.Close())
		}
		header.Set(fasthttp.HeaderContentRange, "bytes "+strconv.FormatInt(from, 10)+"-"+
			strconv.FormatInt(about.Size-1, 10)+"/"+strconv.FormatInt(about.Size, 10))
		c.ctx.SetStatusCode(fasthttp.StatusPartialContent)
	}
	// The engine reads and closes it after the handler; so long it is in flight.
	stream := &streamed{content, c.leave}
	c.leave = func() {}
	c.ctx.SetBodyStream(stream, int(about.Size-from))
	return nil, nil //nolint:nilnil // the stream is the answer
}

type streamed struct {
	io.ReadCloser
	leave func()
}

// Close implements io.Closer.
func (s *streamed) Close() error {
	s.leave()
	return s.ReadCloser.Close()
}

// rangeStart gives the first byte that is asked for: ranges that go to the end
// are understood, others answered with all of it. It says false of one beyond
// the end.
func rangeStart(header string, size int64) (int64, bool) {
	text, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return 0, true
	}
	text, ok = strings.CutSuffix(text, "-")
	from, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || from < 0 {
		return 0, true
	}
	return from, from < size
}
