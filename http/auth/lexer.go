package auth

import (
	"strings"
	"unicode"
)

type tokenKind int

const (
	tokenCheck tokenKind = iota
	tokenAnd
	tokenOr
	tokenNot
	tokenOpen
	tokenClose
)

// token is one word of a rule; pos counts bytes from 1.
type token struct {
	kind tokenKind
	text string
	pos  int
}

// tokenize splits a rule at white space and takes the parentheses off the two
// ends of each word. Parentheses inside a word stay: they belong to a
// %(substitution)s.
func tokenize(text string) []token {
	var tokens []token
	for at := 0; at < len(text); {
		word := text[at:]
		if blanks := len(word) - len(strings.TrimLeftFunc(word, isBlank)); blanks > 0 {
			at += blanks
			continue
		}
		if end := strings.IndexFunc(word, isBlank); end >= 0 {
			word = word[:end]
		}
		tokens = appendWord(tokens, word, at+1)
		at += len(word)
	}
	return tokens
}

// isBlank is what Python takes for white space: Unicode's, and the four
// separators of ASCII.
func isBlank(r rune) bool { return unicode.IsSpace(r) || (r >= 0x1c && r <= 0x1f) }

func appendWord(tokens []token, word string, pos int) []token {
	body := strings.TrimLeft(word, "(")
	for range len(word) - len(body) {
		tokens = append(tokens, token{tokenOpen, "(", pos})
		pos++
	}
	clean := strings.TrimRight(body, ")")
	if clean != "" {
		tokens = append(tokens, token{keyword(clean), clean, pos})
		pos += len(clean)
	}
	for range len(body) - len(clean) {
		tokens = append(tokens, token{tokenClose, ")", pos})
		pos++
	}
	return tokens
}

func keyword(word string) tokenKind {
	switch strings.ToLower(word) {
	case "and":
		return tokenAnd
	case "or":
		return tokenOr
	case "not":
		return tokenNot
	}
	return tokenCheck
}
