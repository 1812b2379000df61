package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// entry is one assignment in a file. Lines of a continued value are joined by
// a line break, as oslo.config joins them.
type entry struct {
	key
	text string
	line int
}

// section is one [header] of a file.
type section struct {
	name string
	line int
}

// iniFile is what a file holds, in its order.
type iniFile struct {
	sections []section
	entries  []entry
}

// groups gives the names of its sections.
func (f *iniFile) groups() []string {
	names := make([]string, len(f.sections))
	for i, s := range f.sections {
		names[i] = s.name
	}
	return names
}

// parseINI reads a file in the syntax of oslo.config: [section], then
// name = value or name: value. A line that begins with # or ; is a comment, and
// (kinder than oslo.config) so is one that has blanks before it. A line that
// begins with a blank continues the value above; an empty line ends it. Of a
// pair of quotes around the first line the value keeps what is inside. There
// are no comments behind a value.
//
// It reports every line that it does not understand, as name:line.
func parseINI(name string, data []byte) (iniFile, error) {
	p := iniParser{name: name}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	for raw := range bytes.Lines(data) {
		p.line++
		if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
			p.fail("is not UTF-8 text")
			continue
		}
		p.take(strings.TrimRight(string(raw), " \t\r\n\f\v"))
	}
	p.flush()
	return p.file, errors.Join(p.errs...)
}

type iniParser struct {
	name  string
	line  int
	group string // "" before the first section
	file  iniFile
	open  *entry // the assignment that may go on
	errs  []error
}

func (p *iniParser) fail(what string) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.name, p.line, what))
}

func (p *iniParser) flush() {
	if p.open != nil {
		p.file.entries = append(p.file.entries, *p.open)
		p.open = nil
	}
}

// take reads one line, trimmed at its end.
func (p *iniParser) take(line string) {
	body := strings.TrimLeft(line, " \t")
	switch {
	case line == "":
		p.flush()
	case body[0] == '#' || body[0] == ';':
		if len(body) == len(line) {
			p.flush()
		}
	case len(body) < len(line):
		p.continuation(body)
	case line[0] == '[':
		p.flush()
		p.header(line)
	default:
		p.flush()
		p.assignment(line)
	}
}

func (p *iniParser) continuation(body string) {
	if p.open == nil {
		p.fail("begins with a blank but there is no value above to go on with")
		return
	}
	p.open.text += "\n" + body
}

func (p *iniParser) header(line string) {
	name := strings.TrimSpace(strings.TrimSuffix(line[1:], "]"))
	p.group = groupName(name)
	switch {
	case !strings.HasSuffix(line, "]"):
		p.fail("a section must end with ]")
	case name == "":
		p.fail("a section must have a name")
		p.group = "?" // its options are not to be blamed too
	default:
		p.file.sections = append(p.file.sections, section{p.group, p.line})
	}
}

// groupName is the name by which a section is known: oslo.config tells
// capitals from small letters in DEFAULT alone.
func groupName(name string) string {
	if name == defaultGroup {
		return name
	}
	return strings.ToLower(name)
}

func (p *iniParser) assignment(line string) {
	at := strings.IndexAny(line, "=:")
	if at < 0 {
		p.fail("is neither a [section], a comment nor name = value")
		return
	}
	name := strings.TrimSpace(line[:at])
	switch {
	case name == "":
		p.fail("has a value but no name")
	case p.group == "":
		p.fail(fmt.Sprintf("%s stands before the first [section]", quoteShort(name)))
	default:
		text := unquote(strings.TrimSpace(line[at+1:]))
		p.open = &entry{key: key{p.group, name}, text: text, line: p.line}
	}
}

// unquote takes a pair of quotes away.
func unquote(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || (s[0] != '"' && s[0] != '\'') {
		return s
	}
	return s[1 : len(s)-1]
}
