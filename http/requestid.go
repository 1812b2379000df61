package http

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
)

var requestIDKey = []byte(requestIDHeader)

const (
	requestIDHeader = "X-Openstack-Request-Id"
	requestIDPrefix = "req-"
	requestIDLength = len(requestIDPrefix) + 36
)

// newRequestID gives the call a random uuid (version 4), made in place: every
// request needs one. It is a name and no secret.
func (c *call) newRequestID() {
	binary.LittleEndian.PutUint64(c.random[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(c.random[8:], rand.Uint64())
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
