package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// check collects what is wrong with a body, as far as a reader wants to know.
type check struct{ faults []error }

const mostFaults = 8

func (c *check) fault(format string, args ...any) {
	if len(c.faults) < mostFaults {
		c.faults = append(c.faults, fmt.Errorf(format, args...))
	}
}

func (c *check) err() error { return errors.Join(c.faults...) }

func (c *check) size(what string, have, most int) {
	if have > most {
		c.fault("%s: %d, %d at most", what, have, most)
	}
}

func (c *check) id(what string, id uuid.UUID) {
	if id == uuid.Nil {
		c.fault("%s is missing", what)
	}
}

func (c *check) text(what, s string, most int) {
	switch {
	case len(s) > most:
		c.fault("%s: %d bytes, %d at most", what, len(s), most)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		c.fault("%s is no text", what)
	}
}

// name is a text in one line that is not empty.
func (c *check) name(what, s string) {
	c.text(what, s, MaxName)
	if s == "" {
		c.fault("%s is missing", what)
	} else if strings.ContainsFunc(s, unicode.IsControl) {
		c.fault("%s: %s has control characters", what, quote(s))
	}
}

// scheduled is a name for the scheduler, once it is in capitals: one of some that
// everybody knows, or of our own. Others would be taken for what hosts say
// themselves: their processors, say, or that they are out of order.
func (c *check) scheduled(what, s string, known ...string) {
	name := strings.Map(capital, s)
	if len(s) > MaxName || !slices.Contains(known, name) && (!strings.HasPrefix(name, "CUSTOM_") || name == "CUSTOM_") {
		c.fault("%s %s: neither CUSTOM_ and more, %d bytes at most, nor %s", what, quote(s), MaxName, strings.Join(known, ", "))
	}
}

// capital makes a small letter of those that the scheduler takes a capital one. The
// others have no capital there, whatever they have elsewhere.
func capital(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}

func (c *check) digest(what, s string) {
	if s != "" && !isDigest(s) {
		c.fault("%s: %s is no SHA-256 in hex", what, quote(s))
	}
}

func (c *check) object(what, s string) {
	c.text(what, s, MaxText)
	if !strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{") || !json.Valid([]byte(s)) {
		c.fault("%s: %s is not a JSON object", what, quote(s))
	}
}

func (c *check) path(what string, p devices.ControlPathID) {
	c.name(what+": cpid_type", p.Type)
	c.object(what+": cpid_info", p.Info)
}

// quote shows the beginning of a text that may be anything.
func quote(s string) string {
	if len(s) > 64 {
		s = s[:64] + "..."
	}
	return fmt.Sprintf("%q", s)
}
