package http

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

var errFraming = invalid("The request's headers do not say clearly where it ends.")

// ambiguous finds what the engine takes and others read differently, so that
// they would not agree about where the request ends: header lines that go on in
// the next one, names with blanks in them, a coding other than "chunked" or
// beside a length, and CONNECT, after which no HTTP is to come. Trailers are
// refused as well: the engine takes their lines for headers, folded ones too, and
// who strips headers before us, an identity for one, need not look at them.
func ambiguous(h *fasthttp.RequestHeader) bool {
	coded, measured := false, false
	for rest := h.RawHeaders(); len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, newline)
		name, value, _ := bytes.Cut(line, colon)
		if bytes.IndexByte(name, ' ') >= 0 || bytes.IndexByte(name, '\t') >= 0 {
			return true
		}
		switch len(name) {
		case len(transferEncoding):
			if bytes.EqualFold(name, transferEncoding) {
				coded = true
				if !bytes.EqualFold(bytes.TrimSpace(value), chunked) {
					return true
				}
			}
		case len(contentLength):
			measured = measured || bytes.EqualFold(name, contentLength)
		}
	}
	return coded && measured || h.IsConnect() || len(h.PeekTrailerKeys()) > 0
}

var (
	newline          = []byte("\n")
	colon            = []byte(":")
	chunked          = []byte("chunked")
	transferEncoding = []byte(fasthttp.HeaderTransferEncoding)
	contentLength    = []byte(fasthttp.HeaderContentLength)
)
