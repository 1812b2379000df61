package config

import (
	"fmt"
	"slices"
	"strings"
)

// laterSections belong to parts of the service, or to libraries of the
// reference, that a configuration may already name.
var laterSections = []string{"service_user"}

func isLater(group string) bool { return slices.Contains(laterSections, group) }

// isOthers says whether a section is read by the other of service and agent,
// which may have its options in the same file.
func (l *loader) isOthers(group string) bool {
	return slices.ContainsFunc(l.others, func(o Option) bool { return o.Group == group })
}

func (l *loader) warn(from source, text string) {
	l.warnings = append(l.warnings, Warning{Where: from.String(), Text: text})
}

func (l *loader) knowsGroup(group string) bool {
	return slices.ContainsFunc(l.options, func(o Option) bool { return o.Group == group })
}

// checkSection warns once of a section that is not ours; nothing is said of
// the options in it.
func (l *loader) checkSection(group string, from source) {
	if l.knowsGroup(group) || l.warned[group] {
		return
	}
	l.warned[group] = true
	switch {
	case l.isOthers(group), l.role == roleAgent && isLater(group):
	case isLater(group):
		l.warn(from, fmt.Sprintf("section [%s] is not used yet", group))
	default:
		l.warn(from, fmt.Sprintf("section [%s] is unknown and ignored%s", group, l.otherGroup(group)))
	}
}

// otherGroup suggests the section that was meant.
func (l *loader) otherGroup(group string) string {
	for i := range l.options {
		if g := l.options[i].Group; distance(strings.ToLower(g), group) <= 2 {
			return fmt.Sprintf(" (did you mean [%s]?)", g)
		}
	}
	return ""
}

// find gives the option of that name, or warns that there is none.
func (l *loader) find(k key, from source) *Option {
	if o := l.byKey[k]; o != nil {
		return o
	}
	if !l.knowsGroup(k.group) {
		return nil // its section had its warning
	}
	text := fmt.Sprintf("%s: there is no such option; it is ignored", key{k.group, quoteShort(k.name)})
	if near := l.nearest(k); near != nil {
		text += fmt.Sprintf(" (did you mean %s?)", near.key())
	}
	l.warn(from, text)
	return nil
}

// nearest gives the option that was probably meant: the same name in another
// section, or a name a slip or two away in the same one.
func (l *loader) nearest(k key) *Option {
	name := strings.ReplaceAll(strings.ToLower(k.name), "-", "_")
	var best *Option
	least := 3
	for i := range l.options {
		o := &l.options[i]
		d := distance(o.Name, name)
		if o.Group != k.group && d > 0 {
			continue
		}
		if d < least {
			best, least = o, d
		}
	}
	return best
}

// distance is the number of letters to change, add or leave out to make b of
// a. Of words that differ much in length it says only that they are far apart.
func distance(a, b string) int {
	const far = 99
	if len(a)-len(b) > 2 || len(b)-len(a) > 2 {
		return far
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
