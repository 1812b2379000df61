package bench

import (
	"bytes"
	"errors"
	"strconv"
)

var (
	errAnswer  = errors.New("an answer that is not HTTP/1.1")
	errChunked = errors.New("an answer without its length")
	errExcess  = errors.New("more bytes than the answer has")
)

// answer is the response that a connection is receiving. Usually it comes in
// one piece, and nothing of it is copied.
type answer struct {
	status int    // 0: the header is not whole yet
	left   int    // bytes of the body to come
	head   []byte // the header so far, when it comes in pieces
	keep   bool   // the body is wanted
	body   []byte
}

func (a *answer) reset() {
	a.status, a.left = 0, 0
	a.head, a.body = a.head[:0], a.body[:0]
}

// feed takes the next bytes and reports whether the answer is whole.
func (a *answer) feed(p []byte) (whole bool, err error) {
	if a.status == 0 {
		if p, err = a.header(p); err != nil || a.status == 0 {
			return false, err
		}
	}
	if len(p) > a.left {
		return false, errExcess
	}
	a.left -= len(p)
	if a.keep {
		a.body = append(a.body, p...)
	}
	return a.left == 0, nil
}

var endOfHeader = []byte("\r\n\r\n")

// header reads the header, if it is whole, and gives what is after it.
func (a *answer) header(p []byte) (rest []byte, err error) {
	if len(a.head) > 0 {
		a.head = append(a.head, p...)
		p = a.head
	}
	head, rest, found := bytes.Cut(p, endOfHeader)
	if !found {
		if len(a.head) == 0 {
			a.head = append(a.head, p...)
		}
		return nil, nil
	}
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < 12 || string(line[:9]) != "HTTP/1.1 " {
		return nil, errAnswer
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil || a.status < 200 {
		return nil, errAnswer
	}
	a.left, err = contentLength(a.status, fields)
	return rest, err
}

func contentLength(status int, fields []byte) (int, error) {
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		if len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")) {
			n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil || n < 0 {
				return 0, errAnswer
			}
			return n, nil
		}
	}
	if status == 204 || status == 304 {
		return 0, nil
	}
	return 0, errChunked
}
