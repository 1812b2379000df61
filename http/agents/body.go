package agents

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/devices/protocol"
)

const (
	// roomPatience is how long a request waits for room for its body.
	roomPatience = 5 * time.Second
	// smallBody is the length of a body that needs no room: that of a heartbeat
	// must not wait for those who are slow to send their inventories.
	smallBody = 64 << 10
)

// body reads and decodes the request's body. Its length is bounded as it is sent
// and as it is unpacked; few large ones are in memory at the same time, and of
// one host one, until it is answered.
func (c *call) body(into any) error {
	length := c.ctx.Request.Header.ContentLength()
	if length > protocol.MaxBody {
		return c.unheard(errTooLarge)
	}
	packed := len(c.ctx.Request.Header.Peek(fasthttp.HeaderContentEncoding)) > 0
	if length < 0 || length > smallBody || packed {
		if !c.gate.enlarge(c.host) {
			return c.unheard(errBusy)
		}
		leave := c.leave
		c.leave = func() {
			c.gate.reduce(c.host)
			leave()
		}
		if !c.room() {
			return c.unheard(errNoRoom)
		}
		defer func() { <-c.bodies }()
	}
	text, err := c.read()
	if err != nil {
		c.ctx.SetConnectionClose()
		return err
	}
	if err := protocol.CheckShape(text); err != nil {
		return invalid("the body: " + err.Error())
	}
	if err := json.Unmarshal(text, into); err != nil {
		return invalid("the body: " + shortened(err.Error()))
	}
	return nil
}

// room waits until one large body less is in memory; false: there were too many
// for too long.
func (c *call) room() bool {
	patience := time.NewTimer(roomPatience)
	defer patience.Stop()
	select {
	case c.bodies <- struct{}{}:
		return true
	case <-patience.C:
		return false
	}
}

// unheard ends the connection of a body that is not taken, and reads on for a
// while: a client that is still writing when the connection closes does not get
// to read why.
func (c *call) unheard(why error) error {
	c.ctx.SetConnectionClose()
	if sent := c.ctx.RequestBodyStream(); sent != nil {
		_, _ = io.CopyN(io.Discard, sent, protocol.MaxBody) // the answer is made either way
	}
	return why
}

func (c *call) read() ([]byte, error) {
	sent := c.ctx.RequestBodyStream()
	if sent == nil {
		sent = bytes.NewReader(c.ctx.Request.Body())
	}
	packed := &bounded{from: sent, left: protocol.MaxBody}
	content := io.Reader(packed)
	switch coding := strings.ToLower(string(c.ctx.Request.Header.Peek(fasthttp.HeaderContentEncoding))); coding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(packed)
		if err != nil {
			return nil, packed.explain(err)
		}
		content = &bounded{from: z, left: protocol.MaxBody}
	default:
		return nil, invalid("Content-Encoding is gzip or nothing")
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return nil, packed.explain(err)
	}
	return text, nil
}

// bounded reads so much and no more: beyond it is errTooLarge.
type bounded struct {
	from io.Reader
	left int
	over bool
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.from.Read(p)
	if n > b.left {
		b.over = true
		return 0, errTooLarge
	}
	b.left -= n
	return n, err
}

// explain says what is wrong with a body that could not be read.
func (b *bounded) explain(err error) error {
	if b.over {
		return errTooLarge
	}
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		return known
	}
	return invalid("the body: " + shortened(err.Error()))
}
