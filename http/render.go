package http

import (
	"encoding/hex"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The functions in the render files append JSON to a buffer: the answers of a
// service like this are all rendering, and reflection costs more than the rest
// of a read.

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendStringContent(dst, s)
	return append(dst, '"')
}

// appendStringContent appends what stands between the quotes.
func appendStringContent(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b >= ' ' && b != '"' && b != '\\' && b < utf8.RuneSelf {
			i++
			continue
		}
		if b < utf8.RuneSelf {
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, b)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			start = i + size
		}
		i += size
	}
	return append(dst, s[start:]...)
}

func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
}

func appendUUID(dst []byte, id uuid.UUID) []byte {
	dst = hex.AppendEncode(dst, id[:4])
	for _, part := range [...][2]int{{4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		dst = append(dst, '-')
		dst = hex.AppendEncode(dst, id[part[0]:part[1]])
	}
	return dst
}

func appendQuotedUUID(dst []byte, id uuid.UUID) []byte {
	dst = append(dst, '"')
	dst = appendUUID(dst, id)
	return append(dst, '"')
}

// appendUUIDOrNull appends null for the zero uuid.
func appendUUIDOrNull(dst []byte, id uuid.UUID) []byte {
	if id == uuid.Nil {
		return append(dst, "null"...)
	}
	return appendQuotedUUID(dst, id)
}

// appendTime appends Unix seconds as 2026-11-23T15:17:35+00:00. RFC3339 is the
// one layout that package time writes without parsing it.
func appendTime(dst []byte, seconds int64) []byte {
	dst = append(dst, '"')
	dst = time.Unix(seconds, 0).UTC().AppendFormat(dst, time.RFC3339)
	dst = dst[:len(dst)-1] // Z
	return append(dst, `+00:00"`...)
}

// appendTimeOrNull appends null for 0.
func appendTimeOrNull(dst []byte, seconds int64) []byte {
	if seconds == 0 {
		return append(dst, "null"...)
	}
	return appendTime(dst, seconds)
}

// appendLinks appends the member links with the address of the thing itself.
func appendLinks(dst, base []byte, path string, id uuid.UUID) []byte {
	dst = append(dst, `"links": [`...)
	dst = appendLink(dst, base, path, id, "self")
	return append(dst, ']')
}

func appendLink(dst, base []byte, path string, id uuid.UUID, rel string) []byte {
	dst = append(dst, `{"href": "`...)
	dst = append(dst, base...)
	dst = append(dst, path...)
	dst = appendUUID(dst, id)
	dst = append(dst, `", "rel": "`...)
	dst = append(dst, rel...)
	return append(dst, `"}`...)
}

// appendList appends {"name": [items]}.
func appendList[T any](dst []byte, name string, items []T, item func(dst []byte, item T) []byte) []byte {
	dst = append(dst, `{"`...)
	dst = append(dst, name...)
	dst = append(dst, `": [`...)
	for i, it := range items {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = item(dst, it)
	}
	return append(dst, "]}"...)
}
