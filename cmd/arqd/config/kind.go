package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// kind is a type of option: how its text becomes a value.
type kind[T any] struct {
	name  string // for tables: "port"
	want  string // for messages: "a port from 0 to 65535"
	multi bool
	parse func(text string) (T, bool)
}

// text is any string on one line.
func text() kind[string] {
	return kind[string]{name: "string", want: "text on one line", parse: func(s string) (string, bool) {
		return s, !strings.ContainsFunc(s, unicode.IsControl)
	}}
}

// word is a string of one or more characters without blanks.
func word() kind[string] {
	return kind[string]{name: "string", want: "a name without blanks", parse: func(s string) (string, bool) {
		bad := func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }
		return s, s != "" && !strings.ContainsFunc(s, bad)
	}}
}

// path is the name of a file or directory.
func path() kind[string] {
	t := text()
	return kind[string]{name: "path", want: "a path", parse: func(s string) (string, bool) {
		_, ok := t.parse(s)
		return s, ok && s != ""
	}}
}

// optional lets a value be empty too.
func optional(k kind[string]) kind[string] {
	k.want += ", or empty"
	parse := k.parse
	k.parse = func(s string) (string, bool) {
		if s == "" {
			return "", true
		}
		return parse(s)
	}
	return k
}

// integer is a whole number within bounds, both included.
func integer(least, most int) kind[int] {
	return kind[int]{
		name: fmt.Sprintf("integer, %d to %d", least, most),
		want: fmt.Sprintf("a whole number from %d to %d", least, most),
		parse: func(s string) (int, bool) {
			n, err := strconv.Atoi(s)
			return n, err == nil && n >= least && n <= most
		},
	}
}

// port is a TCP port; 0 asks for any free one.
func port() kind[int] {
	k := integer(0, 65535)
	k.name, k.want = "port", "a port from 0 to 65535"
	return k
}

// boolean takes the words that oslo.config takes.
func boolean() kind[bool] {
	return kind[bool]{name: "boolean", want: "true or false", parse: func(s string) (value, ok bool) {
		switch strings.ToLower(s) {
		case "true", "1", "yes", "on":
			return true, true
		case "false", "0", "no", "off":
			return false, true
		default:
			return false, false
		}
	}}
}

// seconds is a time in seconds, fractions allowed.
func seconds(least, most float64) kind[time.Duration] {
	return number("seconds", time.Second, least, most)
}

// rate is how often something may be in a second.
func rate() kind[float64] {
	const most = 1e6
	return kind[float64]{
		name: "number, 0 to 1000000", want: "a number from 0 to 1000000",
		parse: func(s string) (float64, bool) {
			n, err := strconv.ParseFloat(s, 64)
			return n, err == nil && n >= 0 && n <= most
		},
	}
}

// milliseconds is a time in milliseconds, fractions allowed.
func milliseconds(least, most float64) kind[time.Duration] {
	return number("milliseconds", time.Millisecond, least, most)
}

func number(name string, unit time.Duration, least, most float64) kind[time.Duration] {
	decimal := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	return kind[time.Duration]{
		name: fmt.Sprintf("%s, %s to %s", name, decimal(least), decimal(most)),
		want: fmt.Sprintf("a number of %s from %s to %s", name, decimal(least), decimal(most)),
		parse: func(s string) (time.Duration, bool) {
			n, err := strconv.ParseFloat(s, 64)
			if err != nil || !(n >= least && n <= most) { // written so that NaN fails
				return 0, false
			}
			return time.Duration(n * float64(unit)), true
		},
	}
}

// choice is one of some words.
func choice[T ~string](values ...T) kind[T] {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return kind[T]{
		name:  strings.Join(words, " / "),
		want:  "one of " + strings.Join(words, ", "),
		parse: func(s string) (T, bool) { return T(s), slices.Contains(values, T(s)) },
	}
}

// list is values separated by commas, also over several lines. An empty text
// is an empty list; an empty element is a slip of the pen.
func list[T any](item kind[T], plural string) kind[[]T] {
	return kind[[]T]{
		name: "list of " + plural,
		want: "a list of " + plural + " separated by commas",
		parse: func(s string) ([]T, bool) {
			if strings.TrimSpace(s) == "" {
				return nil, true
			}
			return parseAll(item, strings.Split(s, ","))
		},
	}
}

// multi is an option that may stand in a file several times, one value each.
func multi[T any](item kind[T], plural string) kind[[]T] {
	return kind[[]T]{
		name:  plural + ", one a line, repeatable",
		want:  plural + ", one a line",
		multi: true,
		parse: func(s string) ([]T, bool) { return parseAll(item, strings.Split(s, "\n")) },
	}
}

func parseAll[T any](item kind[T], texts []string) ([]T, bool) {
	values := make([]T, len(texts))
	for i, s := range texts {
		v, ok := item.parse(strings.TrimSpace(s))
		if !ok {
			return nil, false
		}
		values[i] = v
	}
	return values, true
}
