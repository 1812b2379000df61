package auth

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// fileReader turns the YAML of a policy file into rules.
type fileReader struct {
	name  string
	lines [][]byte
}

// document gives the one mapping of the file, nil when the file is empty.
func document(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, badRule(0, "more than one document")
	}
	top := doc.Content[0]
	switch {
	case top.Kind == yaml.ScalarNode && top.ShortTag() == "!!null":
		return nil, nil
	case top.Kind != yaml.MappingNode:
		return nil, badRule(0, "expected rules, each as name: check")
	}
	return top, nil
}

// rules reads all rules and reports the bad ones together.
func (f *fileReader) rules(top *yaml.Node) ([]override, error) {
	var rules []override
	var faults []error
	lines := map[string]int{}
	for i := 0; i+1 < len(top.Content) && len(faults) < maxFileReports; i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		r, err := f.rule(key, value)
		if first := lines[key.Value]; err == nil && first != 0 {
			err = badRule(0, "is already defined in line %d", first)
		}
		if err != nil {
			faults = append(faults, &RuleError{File: f.name, Line: key.Line, Rule: key.Value, Err: err})
			continue
		}
		lines[r.name] = r.line
		rules = append(rules, r)
	}
	return rules, errors.Join(faults...)
}

func (f *fileReader) rule(key, value *yaml.Node) (override, error) {
	if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" || key.Value == "" {
		return override{}, badRule(0, "the name of a rule must be text")
	}
	r := override{name: key.Value, line: key.Line}
	var err error
	if value = aliased(value); value.Kind == yaml.SequenceNode {
		if r.root, err = f.list(value); err == nil {
			r.text = r.root.String()
		}
		return r, err
	}
	if r.text, err = f.text(value); err == nil {
		r.root, err = parseRule(r.text)
	}
	return r, err
}

func aliased(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// text takes text only. What YAML reads otherwise is mostly a slip that would
// open a door: a forgotten value is null.
func (f *fileReader) text(n *yaml.Node) (string, error) {
	switch {
	case f.tagged(n):
		return "", badRule(0, `carries a YAML tag, as an unquoted ! is; write "!" in quotes, or "not"`)
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str":
		return n.Value, nil
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return "", badRule(0, `has no value; write "@" to allow everyone or "!" to allow no one`)
	}
	return "", badRule(0, "must be text or a list")
}

// tagged tells whether a tag stands before the text. The library forgets the
// tag "!", so this looks where the node begins: what is written as ! role:x
// would otherwise be read as role:x, its opposite.
func (f *fileReader) tagged(n *yaml.Node) bool {
	if n.Style&yaml.TaggedStyle != 0 {
		return true
	}
	if n.Line < 1 || n.Line > len(f.lines) {
		return false
	}
	rest := f.lines[n.Line-1]
	for range n.Column - 1 { // columns count characters
		_, size := utf8.DecodeRune(rest)
		rest = rest[size:]
	}
	if bytes.HasPrefix(rest, []byte("&")) { // an anchor may come first
		_, rest, _ = bytes.Cut(rest, []byte(" "))
		rest = bytes.TrimLeft(rest, " ")
	}
	return bytes.HasPrefix(rest, []byte("!"))
}

func (f *fileReader) list(list *yaml.Node) (*node, error) {
	items := make([][]string, 0, len(list.Content))
	for _, item := range list.Content {
		texts, err := f.item(aliased(item))
		if err != nil {
			return nil, err
		}
		items = append(items, texts)
	}
	return parseList(items)
}

// item gives the checks of one item: those of an inner list, or the one that
// stands alone. An empty text is no check, as in oslo.policy.
func (f *fileReader) item(item *yaml.Node) ([]string, error) {
	if item.Kind != yaml.SequenceNode {
		text, err := f.text(item)
		if text == "" {
			return nil, err
		}
		return []string{text}, err
	}
	texts := make([]string, 0, len(item.Content))
	for _, n := range item.Content {
		text, err := f.text(aliased(n))
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}
