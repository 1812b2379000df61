package auth

import "strings"

// Target is what a request acts on, for the right side of checks such as
// project_id:%(project_id)s. What is empty counts as absent, and a check that
// asks for it fails: an unknown owner is nobody's.
type Target struct {
	ProjectID string            // %(project_id)s
	UserID    string            // %(user_id)s
	More      map[string]string // further attributes by name, "a.b.c" if nested
}

func (t *Target) get(key string) (string, bool) {
	switch key {
	case "project_id":
		return t.ProjectID, t.ProjectID != ""
	case "user_id":
		return t.UserID, t.UserID != ""
	}
	v := t.More[key]
	return v, v != ""
}

// piece is either text or the name of an attribute of the target.
type piece struct {
	text string
	key  string
}

// template is the right side of a check: text with %(name)s in it.
type template []piece

// parseTemplate knows of Python's formats what policies use: %(name)s and %%.
func parseTemplate(s string, pos int) (template, error) {
	var out template
	var text strings.Builder
	for at := 0; at < len(s); {
		percent := strings.IndexByte(s[at:], '%')
		if percent < 0 {
			text.WriteString(s[at:])
			break
		}
		text.WriteString(s[at : at+percent])
		at += percent
		if strings.HasPrefix(s[at:], "%%") {
			text.WriteByte('%')
			at += 2
			continue
		}
		end := strings.Index(s[at:], ")s")
		if !strings.HasPrefix(s[at:], "%(") || end < 0 || strings.ContainsAny(s[at+2:at+end], "()%") {
			return nil, badRule(shift(pos, at), "%q: only %%(name)s is substituted; write %%%% for a percent sign", s)
		}
		if text.Len() > 0 {
			out = append(out, piece{text: text.String()})
			text.Reset()
		}
		out = append(out, piece{key: s[at+2 : at+end]})
		at += end + len(")s")
	}
	if text.Len() > 0 {
		out = append(out, piece{text: text.String()})
	}
	return out, nil
}

func shift(pos, by int) int {
	if pos == 0 {
		return 0
	}
	return pos + by
}

// expand fills the target in; false when the target has no such attribute.
// One piece, the usual case, costs no allocation.
func (tm template) expand(t *Target) (string, bool) {
	switch len(tm) {
	case 0:
		return "", true
	case 1:
		return tm[0].expand(t)
	}
	var b strings.Builder
	for _, p := range tm {
		s, ok := p.expand(t)
		if !ok {
			return "", false
		}
		b.WriteString(s)
	}
	return b.String(), true
}

func (p piece) expand(t *Target) (string, bool) {
	if p.text != "" {
		return p.text, true
	}
	return t.get(p.key)
}
