package test

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// seenRequest is a request as the reference parser sees it.
type seenRequest struct {
	method, id string
	last       bool // the connection ends after it
	unclear    bool // no request to be served: it is not certain where it ends
}

// reference says of which requests a stream consists, up to the first one of
// which anything is unclear: RFC 9112 without any of the leniency that it allows, but for single
// line feeds at the ends of lines and empty lines before a request. What the
// service takes for a request and this does not, somebody else may take for a
// part of a body.
func reference(stream []byte) []seenRequest {
	var seen []seenRequest
	for {
		stream = bytes.TrimLeft(stream, "\r\n")
		r, rest, ok := cutRequest(stream)
		seen = append(seen, seenRequest{r.method, r.header["x-openstack-request-id"], r.last, !ok})
		if !ok || r.last {
			return seen
		}
		stream = rest
	}
}

type strictRequest struct {
	method string
	header map[string]string // the last of a name
	last   bool
}

const tokenClass = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

var (
	requestLine = regexp.MustCompile(`^(` + tokenClass + `) [^\x00-\x20\x7f]+ HTTP/([0-9])\.([0-9])$`)
	strictLine  = regexp.MustCompile(`^(` + tokenClass + `):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)$`)
	// Trailers are not looked at: only their end matters.
	trailerLine = regexp.MustCompile(`^[^\x00-\x20\x7f:][^\x00-\x1f\x7f:]*:[^\x00-\x08\x0a-\x1f\x7f]*$`)
	digits      = regexp.MustCompile(`^[0-9]+$`)
	chunkLine   = regexp.MustCompile(`^([0-9A-Fa-f]+)[ \t]*(;.*)?$`)
)

// cutRequest takes a whole request off a stream.
func cutRequest(stream []byte) (r strictRequest, rest []byte, ok bool) {
	line, rest, ok := cutLine(stream)
	first := requestLine.FindStringSubmatch(line)
	if !ok || first == nil {
		return r, nil, false
	}
	r.method, r.header = first[1], map[string]string{}
	modern := first[2]+first[3] == "11"
	lengths, codings := 0, 0
	for {
		if line, rest, ok = cutLine(rest); !ok {
			return r, nil, false
		}
		if line == "" {
			break
		}
		parts := strictLine.FindStringSubmatch(line)
		if parts == nil {
			return r, nil, false
		}
		name, value := strings.ToLower(parts[1]), strings.Trim(parts[2], " \t")
		switch name {
		case "content-length":
			lengths++
		case "transfer-encoding":
			codings++
		case "connection":
			value = r.header[name] + "," + strings.ToLower(value)
		}
		r.header[name] = value
	}
	options := "," + strings.ReplaceAll(strings.ReplaceAll(r.header["connection"], " ", ""), "\t", "") + ","
	r.last = strings.Contains(options, ",close,") || !modern && !strings.Contains(options, ",keep-alive,")
	switch {
	case lengths+codings > 1, codings > 0 && !modern:
		return r, nil, false
	case codings == 1:
		rest, ok = cutChunks(rest, r.header["transfer-encoding"])
	case lengths == 1:
		rest, ok = cutBody(rest, r.header["content-length"])
	}
	return r, rest, ok
}

func cutLine(b []byte) (line string, rest []byte, ok bool) {
	before, rest, ok := bytes.Cut(b, []byte("\n"))
	return strings.TrimSuffix(string(before), "\r"), rest, ok
}

func cutBody(b []byte, length string) (rest []byte, ok bool) {
	n, err := strconv.Atoi(length)
	if err != nil || !digits.MatchString(length) || n > len(b) {
		return nil, false
	}
	return b[n:], true
}

func cutChunks(b []byte, coding string) (rest []byte, ok bool) {
	if !strings.EqualFold(coding, "chunked") {
		return nil, false
	}
	for {
		line, after, found := bytes.Cut(b, []byte("\r\n"))
		parts := chunkLine.FindSubmatch(line)
		if !found || parts == nil {
			return nil, false
		}
		size, err := strconv.ParseUint(string(parts[1]), 16, 63)
		switch {
		case err != nil, size+2 > uint64(len(after)):
			return nil, false
		case size == 0:
			return cutTrailers(after)
		case string(after[size:size+2]) != "\r\n":
			return nil, false
		}
		b = after[size+2:]
	}
}

func cutTrailers(b []byte) (rest []byte, ok bool) {
	for {
		line, rest, found := cutLine(b)
		switch {
		case !found, line != "" && !trailerLine.MatchString(line):
			return nil, false
		case line == "":
			return rest, true
		}
		b = rest
	}
}
