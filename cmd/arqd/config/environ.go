package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// envPrefix begins the name of every environment variable that arqd reads;
// section and option follow in capitals, two underscores between them.
const envPrefix = "ARQD_"

// addEnviron puts ARQD_SECTION__OPTION=value over what the files say.
// Variables without the two underscores are somebody else's.
func (l *loader) addEnviron(environ []string) {
	byEnv := make(map[string]*Option, len(l.options))
	for i := range l.options {
		byEnv[l.options[i].EnvName()] = &l.options[i]
	}
	for _, kv := range slices.Sorted(slices.Values(environ)) {
		name, text, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, envPrefix) || !strings.Contains(name, "__") {
			continue
		}
		from := source{env: name}
		switch o := byEnv[name]; {
		case o == nil:
			l.unknownEnv(name, from)
		case !utf8.ValidString(text): // no file may hold it either
			l.fail(optionError(from, o.key(), errors.New("is not UTF-8 text")))
		default:
			l.set(o, strings.TrimSpace(text), from)
		}
	}
}

func (l *loader) unknownEnv(name string, from source) {
	group, option, _ := strings.Cut(strings.TrimPrefix(name, envPrefix), "__")
	k := key{strings.ToLower(group), strings.ToLower(option)}
	if group == defaultGroup {
		k.group = defaultGroup
	}
	if l.isOthers(k.group) || l.role == roleAgent && isLater(k.group) {
		return
	}
	if isLater(k.group) {
		l.warn(from, fmt.Sprintf("section [%s] is not used yet", k.group))
		return
	}
	text := "there is no such option; it is ignored"
	if near := l.nearest(k); near != nil {
		text += fmt.Sprintf(" (did you mean %s?)", near.EnvName())
	}
	l.warn(from, text)
}
