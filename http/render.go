package http

import (
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

// appendTime appends Unix seconds as 2026-11-23T15:17:35+00:00. It does the
// arithmetic of the calendar itself: package time does it once for the date and
// once for the clock, and that was a third of the rendering of a list.
func appendTime(dst []byte, seconds int64) []byte {
	days, second := divide(seconds, 24*60*60)
	year, month, day := date(days)
	if year < 0 || year > 9999 {
		year = 9999 // no clock says so
	}
	dst = append(dst, '"')
	dst = append2(append2(dst, year/100), year%100)
	dst = append2(append(dst, '-'), month)
	dst = append2(append(dst, '-'), day)
	dst = append2(append(dst, 'T'), second/3600)
	dst = append2(append(dst, ':'), second/60%60)
	dst = append2(append(dst, ':'), second%60)
	return append(dst, `+00:00"`...)
}

// date gives the date of a day, counted from 1970-01-01. Years are counted from
// March here, so that the day that is not in every year is the last of one.
func date(days int64) (year, month, day int) {
	const (
		epoch   = 719468 // days from 0000-03-01 to 1970-01-01
		in400   = 146097
		in100   = 36524
		in4     = 1461
		inYear  = 365
		in5Mths = 153 // March to July, August to December: 31, 30, 31, 30, 31 days
	)
	cycle, left := divide(days+epoch, in400)
	yearOf := (left - left/(in4-1) + left/in100 - left/(in400-1)) / inYear
	left -= inYear*yearOf + yearOf/4 - yearOf/100
	since := (5*left + 2) / in5Mths // months since March
	day = left - (in5Mths*since+2)/5 + 1
	year = int(cycle)*400 + yearOf
	if since < 10 {
		return year, since + 3, day
	}
	return year + 1, since - 9, day
}

// divide rounds down, so that the rest is never negative.
func divide(n, by int64) (quotient int64, rest int) {
	quotient, rest = n/by, int(n%by)
	if rest < 0 {
		quotient, rest = quotient-1, rest+int(by)
	}
	return quotient, rest
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
