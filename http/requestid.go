package http

import (
	"crypto/rand"
	"strings"
)

const (
	requestIDHeader = "X-Openstack-Request-Id"
	requestIDPrefix = "req-"
	requestIDLength = len(requestIDPrefix) + 36
)

// newRequestID gives the call a random uuid (version 4), made in place: every
// request needs one.
func (c *call) newRequestID() {
	_, _ = rand.Read(c.random[:]) // never fails
	c.random[6] = c.random[6]&0x0f | 0x40
	c.random[8] = c.random[8]&0x3f | 0x80
	var text [requestIDLength]byte
	c.requestID = string(appendUUID(append(text[:0], requestIDPrefix...), c.random))
}

// globalRequestID is the caller's id if it has the form that oslo asks for,
// and empty otherwise: anything else does not go into our logs.
func globalRequestID(header string) string {
	if len(header) != requestIDLength || header[:len(requestIDPrefix)] != requestIDPrefix {
		return ""
	}
	if _, ok := parseUUID(header[len(requestIDPrefix):]); !ok {
		return ""
	}
	return strings.Clone(header)
}
