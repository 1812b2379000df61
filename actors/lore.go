package actors

import (
	"bytes"

	"github.com/google/uuid"
)

// lore is what many records have in common: it is decoded once, and stands in
// memory once. A nil one knows nothing and learns nothing.
type lore struct {
	texts  map[string]string
	groups map[groupKey]knownGroup
}

type groupKey struct {
	profile uuid.UUID
	index   uint64
}

type knownGroup struct {
	encoded []byte
	group   *Group
}

func newLore() *lore {
	return &lore{texts: make(map[string]string), groups: make(map[groupKey]knownGroup)}
}

// text gives a text that many records have: a project, a host, a type.
func (l *lore) text(b []byte) string {
	if l == nil {
		return string(b)
	}
	known, found := l.texts[string(b)]
	if !found {
		known = intern(string(b))
		l.texts[known] = known
	}
	return known
}

// group reads the group of an ARQ.
func (l *lore) group(d *decoder) *Group {
	if l == nil {
		return decodeGroup(d)
	}
	head := *d
	key := groupKey{profile: head.id()}
	head.bytes() // the profile's name
	key.index = head.uint()
	if known := l.groups[key]; known.group != nil && bytes.HasPrefix(d.buf, known.encoded) {
		d.buf = d.buf[len(known.encoded):]
		return known.group
	}
	from := d.buf
	g := decodeGroup(d)
	l.groups[key] = knownGroup{bytes.Clone(from[:len(from)-len(d.buf)]), g}
	return g
}

func decodeGroup(d *decoder) *Group {
	return &Group{
		ProfileUUID: d.id(), ProfileName: d.text(), Index: int(d.uint()),
		Requests: decodeRequests(d),
	}
}
