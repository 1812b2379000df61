package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reference is $name, ${name}, $group.name or ${group.name}; $$ and \$ stand
// for the sign itself. A $ before anything else is left as it is.
var reference = regexp.MustCompile(`\\\$|\$\$|\$` + dotted + `|\$\{` + dotted + `\}`)

const dotted = `[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?`

// maxText bounds a value after substitution: references can multiply it.
const maxText = 64 << 10

// substitute replaces the references in every setting and gives the options
// where that failed. A plain name is looked up in the option's own section,
// then in [DEFAULT].
func (l *loader) substitute() map[key]bool {
	s := substitution{loader: l, done: make(map[key]string, len(l.options))}
	failed := make(map[key]bool)
	for i := range l.options {
		k := l.options[i].key()
		if _, err := s.value(k); err != nil {
			failed[k] = true
			if l.options[i].Secret { // the error quotes a part of the value
				err = errors.New("holds a reference that leads nowhere; write $$ for the sign $")
			}
			l.fail(optionError(l.settings[k].from, k, err))
		}
	}
	for k, text := range s.done {
		l.settings[k] = setting{text, l.settings[k].from, s.each(k)}
	}
	return failed
}

type substitution struct {
	*loader
	done map[key]string
	path []key // options on the way, to find a circle
}

// value gives the text of an option with all references replaced.
func (s *substitution) value(k key) (string, error) {
	if text, ok := s.done[k]; ok {
		return text, nil
	}
	if slices.Contains(s.path, k) {
		return "", fmt.Errorf("refers to itself through %s", k)
	}
	s.path = append(s.path, k)
	text, err := s.expand(k.group, s.settings[k].text)
	s.path = s.path[:len(s.path)-1]
	if err == nil {
		s.done[k] = text
	}
	return text, err
}

// each replaces the references in the values of an option one by one.
func (s *substitution) each(k key) []setting {
	values := make([]setting, 0, len(s.settings[k].each))
	for _, v := range s.settings[k].each {
		text, err := s.expand(k.group, v.text)
		if err != nil {
			return nil // it was reported with the whole
		}
		values = append(values, setting{text: text, from: v.from})
	}
	return values
}

func (s *substitution) expand(group, text string) (string, error) {
	var out strings.Builder
	rest := text
	for at := reference.FindStringIndex(rest); at != nil; at = reference.FindStringIndex(rest) {
		value, err := s.replacement(group, rest[at[0]:at[1]])
		if err != nil {
			return "", err
		}
		out.WriteString(rest[:at[0]])
		out.WriteString(value)
		rest = rest[at[1]:]
		if out.Len() > maxText {
			break
		}
	}
	if out.Len()+len(rest) > maxText {
		return "", fmt.Errorf("is longer than %d bytes", maxText)
	}
	return out.String() + rest, nil
}

func (s *substitution) replacement(group, match string) (string, error) {
	if match == "$$" || match == `\$` {
		return "$", nil
	}
	k, ok := s.lookup(group, strings.Trim(match, "${}"))
	if !ok {
		return "", fmt.Errorf("refers to %s, which is no option; write $$ for the sign $", match)
	}
	if s.byKey[k].Secret && !s.byKey[s.path[len(s.path)-1]].Secret { // it would be printed there
		return "", fmt.Errorf("refers to %s, which is secret", k)
	}
	return s.value(k)
}

func (s *substitution) lookup(group, name string) (key, bool) {
	candidates := []key{{group, name}, {defaultGroup, name}}
	if g, n, both := strings.Cut(name, "."); both {
		candidates = []key{{groupName(g), n}}
	}
	for _, k := range candidates {
		if s.byKey[k] != nil {
			return k, true
		}
	}
	return key{}, false
}
