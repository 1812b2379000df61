package http

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// queryArgs are the arguments of a query string, decoded. Of a name that was
// given several times the last value counts.
type queryArgs []queryArg

type queryArg struct{ name, value string }

// query reads the query string of the request; names other than the known
// ones are refused.
func (c *call) query(known ...string) (queryArgs, error) {
	raw := c.ctx.URI().QueryString()
	if len(raw) == 0 {
		return nil, nil
	}
	return parseQuery(string(raw), known)
}

func parseQuery(raw string, known []string) (queryArgs, error) {
	var args queryArgs
	for element := range strings.SplitSeq(raw, "&") {
		if element == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(element, "=")
		name, nameOK := percentDecode(rawName, true)
		value, valueOK := percentDecode(rawValue, true)
		if !nameOK || !valueOK {
			return nil, invalid("The query %.80q is not percent-encoded UTF-8.", element)
		}
		if !slices.Contains(known, name) {
			return nil, invalid("%.80q is not a query parameter of this resource.", name)
		}
		args = args.with(name, value)
	}
	return args, nil
}

func (q queryArgs) with(name, value string) queryArgs {
	for i := range q {
		if q[i].name == name {
			q[i].value = value
			return q
		}
	}
	return append(q, queryArg{name, value})
}

func (q queryArgs) get(name string) (string, bool) {
	for _, arg := range q {
		if arg.name == name {
			return arg.value, true
		}
	}
	return "", false
}

// text gives a value, empty when the parameter is absent.
func (q queryArgs) text(name string) string {
	value, _ := q.get(name)
	return value
}

// nonEmpty gives the value of a parameter which, if given, must not be empty.
func (q queryArgs) nonEmpty(name string) (string, error) {
	value, given := q.get(name)
	if given && value == "" {
		return "", invalid("%s: must not be empty.", name)
	}
	return value, nil
}

// uuid gives a uuid, the zero one when the parameter is absent. The zero uuid
// itself is refused: it names nothing, and to the Backend it means "any".
func (q queryArgs) uuid(name string) (uuid.UUID, error) {
	value, given := q.get(name)
	if !given {
		return uuid.Nil, nil
	}
	id, ok := parseUUID(value)
	if !ok || id == uuid.Nil {
		return uuid.Nil, invalid("%s: %.80q is not a uuid.", name, value)
	}
	return id, nil
}

// limit is how many are wanted, 0 for all. Asking for none makes no sense and
// is refused, so that limit=0 is not read as "all" by one and "none" by another.
func (q queryArgs) limit() (int, error) {
	value, given := q.get("limit")
	if !given {
		return 0, nil
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n == 0 {
		return 0, invalid("limit: %.80q is not a whole number from 1.", value)
	}
	return int(min(n, math.MaxInt32)), nil
}

// percentDecode undoes percent-encoding; plus says that "+" stands for a
// blank. It fails on broken escapes and on what is not UTF-8.
func percentDecode(s string, plus bool) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && (!plus || strings.IndexByte(s, '+') < 0) {
		return s, utf8.ValidString(s)
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%':
			if i+2 >= len(s) {
				return "", false
			}
			high, highOK := hexDigit(s[i+1])
			low, lowOK := hexDigit(s[i+2])
			if !highOK || !lowOK {
				return "", false
			}
			out = append(out, high<<4|low)
			i += 2
		case s[i] == '+' && plus:
			out = append(out, ' ')
		default:
			out = append(out, s[i])
		}
	}
	return string(out), utf8.Valid(out)
}

func hexDigit(b byte) (byte, bool) {
	switch {
	case b >= '0' && b <= '9':
		return b - '0', true
	case b >= 'a' && b <= 'f':
		return b - 'a' + 10, true
	case b >= 'A' && b <= 'F':
		return b - 'A' + 10, true
	}
	return 0, false
}

// parseUUID takes the two forms that the reference takes for a uuid: with
// dashes and without, in any case. (uuid.Parse knows more, and is lax there.)
func parseUUID(s string) (uuid.UUID, bool) {
	if len(s) != 36 && len(s) != 32 {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(s)
	return id, err == nil
}
