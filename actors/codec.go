package actors

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// errBody is wrapped by every decoding error.
var errBody = errors.New("unreadable record body")

// encoder appends the fields of a record body. A body begins with the version
// of its layout; strings carry their length.
type encoder struct{ buf []byte }

func newEncoder(size int) encoder {
	b := make([]byte, 1, size)
	b[0] = layoutV1
	return encoder{b}
}

func (e *encoder) uint(v uint64)  { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoder) int(v int64)    { e.buf = binary.AppendVarint(e.buf, v) }
func (e *encoder) id(v uuid.UUID) { e.buf = append(e.buf, v[:]...) }
func (e *encoder) text(s string) {
	e.uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

func (e *encoder) flag(b bool) {
	if b {
		e.buf = append(e.buf, 1)
	} else {
		e.buf = append(e.buf, 0)
	}
}

// decoder reads what encoder wrote. The first error sticks; every read after
// it gives a zero value, so that callers check once, at the end.
type decoder struct {
	buf []byte
	err error
}

// newDecoder checks the version of the layout.
func newDecoder(body []byte) decoder {
	d, _ := newDecoderOf(body, layoutV1)
	return d
}

// newDecoderOf takes every layout up to the newest, and says which it is.
func newDecoderOf(body []byte, newest byte) (d decoder, layout byte) {
	if len(body) == 0 {
		return decoder{err: fmt.Errorf("%w: empty", errBody)}, 0
	}
	if layout = body[0]; layout < layoutV1 || layout > newest {
		return decoder{err: fmt.Errorf("%w: layout version %d, want at most %d", errBody, layout, newest)}, 0
	}
	return decoder{buf: body[1:]}, layout
}

func (d *decoder) failed(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s cut short", errBody, what)
	}
	d.buf = nil
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.buf)
	if n <= 0 {
		d.failed("number")
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.buf)
	if n <= 0 {
		d.failed("number")
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *decoder) id() (id uuid.UUID) {
	if len(d.buf) < len(id) {
		d.failed("uuid")
		return id
	}
	copy(id[:], d.buf)
	d.buf = d.buf[len(id):]
	return id
}

func (d *decoder) text() string { return string(d.bytes()) }

// bytes is a text that is still a part of the body.
func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.buf)) {
		d.failed("text")
		return nil
	}
	b := d.buf[:n]
	d.buf = d.buf[n:]
	return b
}

func (d *decoder) flag() bool {
	if len(d.buf) == 0 {
		d.failed("flag")
		return false
	}
	b := d.buf[0]
	d.buf = d.buf[1:]
	return b != 0
}

// count reads the length of a list whose elements take at least one byte.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.buf)) {
		d.failed("list")
		return 0
	}
	return int(n)
}

// end gives the first error, or one about bytes that nobody read.
func (d *decoder) end() error {
	if d.err == nil && len(d.buf) != 0 {
		d.err = fmt.Errorf("%w: %d bytes too many", errBody, len(d.buf))
	}
	return d.err
}
