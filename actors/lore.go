package actors

import (
	"bytes"

	"github.com/google/uuid"
)

// lore is what many records have in common: it is decoded once, and stands in
// memory once. A nil one knows nothing and learns nothing.
type lore struct {
	texts  map[string]string
	groups map[groupKey]*knownGroup

	// What was asked for last is often asked for next, and after a group
	// often comes the one that came after it before: the next of its profile.
	lastText  string
	lastGroup *knownGroup
}

type groupKey struct {
	profile uuid.UUID
	index   uint64
}

type knownGroup struct {
	encoded []byte
	group   *Group
	next    *knownGroup
}

func newLore() *lore {
	return &lore{texts: make(map[string]string), groups: make(map[groupKey]*knownGroup), lastGroup: &knownGroup{}}
}

// text gives a text that many records have: a project, a host, a type.
func (l *lore) text(b []byte) string {
	if l == nil {
		return string(b)
	}
	if string(b) == l.lastText {
		return l.lastText
	}
	known, found := l.texts[string(b)]
	if !found {
		known = intern(string(b))
		l.texts[known] = known
	}
	l.lastText = known
	return known
}

// group reads the group of an ARQ.
func (l *lore) group(d *decoder) *Group {
	if l == nil {
		return decodeGroup(d)
	}
	if next := l.lastGroup.next; next.begins(d) {
		l.lastGroup = next
		return next.take(d)
	}
	head := *d
	key := groupKey{profile: head.id()}
	head.bytes() // the profile's name
	key.index = head.uint()
	known := l.groups[key]
	if !known.begins(d) {
		ahead := *d
		g := decodeGroup(&ahead)
		if ahead.err != nil {
			*d = ahead
			return g
		}
		known = &knownGroup{encoded: bytes.Clone(d.buf[:len(d.buf)-len(ahead.buf)]), group: g}
		l.groups[key] = known
	}
	l.lastGroup.next, l.lastGroup = known, known
	return known.take(d)
}

func (k *knownGroup) begins(d *decoder) bool { return k != nil && bytes.HasPrefix(d.buf, k.encoded) }

// take reads it from where it begins.
func (k *knownGroup) take(d *decoder) *Group {
	d.buf = d.buf[len(k.encoded):]
	return k.group
}

func decodeGroup(d *decoder) *Group {
	return &Group{
		ProfileUUID: d.id(), ProfileName: d.text(), Index: int(d.uint()),
		Requests: decodeRequests(d),
	}
}
