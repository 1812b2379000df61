package http

import (
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

// uuidLength is that of the usual form, with dashes.
const uuidLength = 36

// appendUUID writes in place: a list of 1,000 has some thousands of them.
func appendUUID(dst []byte, id uuid.UUID) []byte {
	var text [uuidLength]byte
	at := 0
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[at] = '-'
			at++
		}
		text[at], text[at+1] = hexDigits[b>>4], hexDigits[b&15]
		at += 2
	}
	return append(dst, text[:]...)
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

// appendTime appends Unix seconds as 2026-11-23T15:17:35+00:00.
func appendTime(dst []byte, seconds int64) []byte {
	t := time.Unix(seconds, 0).UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		year = 9999 // no clock says so
	}
	hour, minute, second := t.Clock()
	dst = append(dst, '"')
	dst = append2(append2(dst, year/100), year%100)
	dst = append2(append(dst, '-'), int(month))
	dst = append2(append(dst, '-'), day)
	dst = append2(append(dst, 'T'), hour)
	dst = append2(append(dst, ':'), minute)
	dst = append2(append(dst, ':'), second)
	return append(dst, `+00:00"`...)
}

// append2 appends a number below 100 as two digits.
func append2(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
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
