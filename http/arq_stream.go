package http

import (
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
)

const (
	arqSize = 640 // of one ARQ as JSON, generously
	// keptBody is the largest body that the engine is given for good: it keeps
	// the buffer with the connection.
	keptBody = 64 << 10
	// streamFrom is the size from which a list is written as it is rendered,
	// in pieces, and never stands in memory as a whole.
	streamFrom  = 256 << 10
	streamPiece = 64 << 10
	// keptList is the largest buffer that is kept for other lists: that of a page.
	keptList = 2 << 20
)

var listBuffers = sync.Pool{New: func() any { return new(listBuffer) }}

// listBuffer is the buffer of a list, or of its first piece.
type listBuffer struct{ bytes []byte }

// writeARQs answers with a list. What is small is one body with its length;
// what turns out to be large continues as a stream.
func (c *call) writeARQs(found foundARQs) error {
	s := newARQStream(slices.Clone(c.base()))
	handedOver := false
	defer func() {
		if !handedOver {
			_ = s.Close()
		}
	}()
	if found.small {
		for a := range found.seq {
			s.add(a)
		}
		s.finish()
	} else {
		s.next, s.stop = iter.Pull(found.seq)
		s.fill(streamFrom)
	}
	c.ctx.SetStatusCode(fasthttp.StatusOK)
	c.ctx.Response.Header.SetContentTypeBytes(contentTypeJSON)
	switch {
	case s.ended && len(s.body) <= keptBody:
		c.ctx.Response.SetBody(s.body)
		return nil
	case s.ended:
		c.ctx.Response.SetBodyStream(s, len(s.body))
	case c.ctx.Request.Header.IsHTTP11():
		c.ctx.Response.SetBodyStream(s, -1)
	default: // whoever speaks HTTP/1.0 knows no chunks
		c.ctx.Response.SetBodyStream(s, s.measure())
	}
	handedOver = true
	return nil
}

// arqStream renders a list of ARQs, if need be while it is written. The engine
// then calls it after the handler has returned: it holds nothing of the
// request, and what it walks is immutable. If it fails or panics the
// connection ends without the last chunk, so that nobody takes the list for
// complete.
type arqStream struct {
	buffer *listBuffer
	body   []byte // rendered, and not written yet unless taken
	base   []byte
	next   func() (*actors.ARQ, bool)
	stop   func()
	count  int
	ended  bool
	taken  bool
	unread []byte // what Read has not given out yet
	last   lastARQ
}

func newARQStream(base []byte) *arqStream {
	buffer, _ := listBuffers.Get().(*listBuffer)
	body := slices.Grow(buffer.bytes[:0], streamPiece)
	return &arqStream{buffer: buffer, base: base, body: append(body, `{"arqs": [`...)}
}

func (s *arqStream) add(a *actors.ARQ) {
	s.body = slices.Grow(s.body, arqSize)
	if s.count > 0 {
		s.body = append(s.body, ", "...)
	}
	s.count++
	s.body = s.last.append(s.body, a, s.base)
}

func (s *arqStream) finish() {
	s.ended = true
	s.body = append(s.body, "]}"...)
}

// fill renders until size is reached or the list ends.
func (s *arqStream) fill(size int) {
	for !s.ended && len(s.body) < size {
		a, more := s.next()
		if !more {
			s.finish()
			return
		}
		s.add(a)
	}
}

// measure gives the length of the whole list, of which a part is rendered. It
// keeps the views that are left, which is little beside their text.
func (s *arqStream) measure() int {
	var left []*actors.ARQ
	var text []byte
	length := len(s.body) + len("]}")
	for a, more := s.next(); more; a, more = s.next() {
		text = appendARQ(text[:0], a, s.base)
		length += len(", ") + len(text)
		left = append(left, a)
	}
	s.stop()
	s.next, s.stop = iter.Pull(slices.Values(left))
	return length
}

// piece renders the next piece, none at the end. It is valid until the next.
func (s *arqStream) piece() []byte {
	switch {
	case s.taken && s.ended:
		return nil
	case s.taken:
		s.shrink()
	}
	s.taken = true
	s.fill(streamPiece)
	return s.body
}

// shrink forgets what was written. The large buffer of the first piece goes to
// others: how long the client takes for the rest is up to the client.
func (s *arqStream) shrink() {
	s.body, s.last = s.body[:0], lastARQ{}
	if cap(s.body) > 2*streamPiece {
		s.release()
		s.body = make([]byte, 0, streamPiece+arqSize)
	}
}

func (s *arqStream) release() {
	if s.buffer != nil && cap(s.body) <= keptList {
		s.buffer.bytes = s.body
		listBuffers.Put(s.buffer)
	}
	s.buffer, s.body = nil, nil
}

// SupportsBodyWriteTo lets the engine take pieces of our size.
func (s *arqStream) SupportsBodyWriteTo() bool { return true }

// WriteTo writes the list up to its end.
func (s *arqStream) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for {
		piece := s.piece()
		if len(piece) == 0 {
			return written, nil
		}
		n, err := w.Write(piece)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
}

// Read is for who does not know WriteTo.
func (s *arqStream) Read(p []byte) (int, error) {
	if len(s.unread) == 0 {
		s.unread = s.piece()
	}
	if len(s.unread) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}

// Close ends the walk; whoever has the stream calls it in any case.
func (s *arqStream) Close() error {
	if s.stop != nil {
		s.stop()
	}
	s.release()
	s.ended = true
	return nil
}
