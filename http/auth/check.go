package auth

import (
	"math"
	"strconv"
	"strings"
)

// parseCheck compiles one check: "@", "!" or kind:match, split at the first
// colon.
func parseCheck(text string, pos int) (*node, error) {
	switch text {
	case "@":
		return &node{op: opTrue}, nil
	case "!":
		return &node{op: opFalse}, nil
	}
	if quoted(text) {
		return nil, badRule(pos, "%s: a quoted text alone is not a check", text)
	}
	kind, match, found := strings.Cut(text, ":")
	if !found {
		return nil, badRule(pos, "%q is not a check: expected kind:value, @ or !", text)
	}
	switch kind {
	case "http", "https":
		return nil, badRule(pos, "%s: checks that ask another server are not supported", kind+":")
	case "rule":
		if match == "" {
			return nil, badRule(pos, "rule: wants the name of a rule")
		}
		return &node{op: opRule, text: match, raw: text}, nil
	}
	return parseComparison(kind, match, text, pos)
}

// quoted tells what oslo.policy takes for a string, which no rule can use.
func quoted(s string) bool {
	return len(s) >= 2 && (s[0] == '\'' || s[0] == '"') && s[len(s)-1] == s[0]
}

func parseComparison(kind, match, raw string, pos int) (*node, error) {
	valuePos := 0
	if pos > 0 {
		valuePos = pos + len(kind) + 1
	}
	value, err := parseTemplate(match, valuePos)
	if err != nil {
		return nil, err
	}
	n := &node{value: value, raw: raw}
	if kind == "role" {
		if match == "" {
			return nil, badRule(pos, "role: wants the name of a role")
		}
		n.op = opRole
		return n, nil
	}
	literal, isLiteral, err := parseLiteral(kind, pos)
	switch {
	case err != nil:
		return nil, err
	case isLiteral:
		n.op, n.text = opLiteral, literal
	default:
		n.op = opCred
		n.cred, err = parseCredential(kind, pos)
	}
	return n, err
}

// parseLiteral reads the left side as a Python literal and gives its text as
// Python's str() would. ok is false when it is the name of a credential.
func parseLiteral(kind string, pos int) (text string, ok bool, err error) {
	if kind == "" {
		return "", false, badRule(pos, "nothing before the colon")
	}
	switch first := kind[0]; {
	case kind == "True" || kind == "False" || kind == "None":
		return kind, true, nil
	case first == '\'' || first == '"':
		text, err = unquote(kind, pos)
		return text, true, err
	case first >= '0' && first <= '9', first == '-', first == '+', first == '.':
		text, err = number(kind, pos)
		return text, true, err
	case strings.IndexByte("[{(", first) >= 0:
		return "", false, badRule(pos, "%s: only text, numbers, True, False and None can be compared", kind)
	}
	return "", false, nil
}

func unquote(s string, pos int) (string, error) {
	if !quoted(s) {
		return "", badRule(pos, "%s: the quote is never closed", s)
	}
	inner := s[1 : len(s)-1]
	if strings.IndexByte(inner, s[0]) >= 0 || strings.IndexByte(inner, '\\') >= 0 {
		return "", badRule(pos, "%s: no quotes or backslashes inside quoted text", s)
	}
	return inner, nil
}

// number gives the text that Python prints for a plain whole or decimal number.
func number(s string, pos int) (string, error) {
	digits := strings.TrimLeft(s, "+-")
	if i, err := strconv.ParseInt(s, 10, 64); err == nil && (digits == "0" || digits[0] != '0') {
		return strconv.FormatInt(i, 10), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	plain := strings.Trim(digits, "0123456789.") == "" && strings.Contains(digits, ".") && len(digits) <= 15
	if err != nil || !plain || (f != 0 && math.Abs(f) < 1e-4) { // Python writes smaller ones with an exponent
		return "", badRule(pos, "%s is neither a plain number nor the name of a credential", s)
	}
	return floatText(f), nil
}

func floatText(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if strings.IndexByte(s, '.') < 0 {
		s += ".0"
	}
	return s
}
