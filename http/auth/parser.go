package auth

import "fmt"

const (
	maxRuleText  = 16 << 10 // bytes of one rule
	maxNesting   = 100      // parentheses and "not" inside one another
	maxListItems = 1000     // checks of a rule in list form
)

// syntaxError says what is wrong in a rule and where: pos counts bytes from 1,
// 0 when the rule as a whole is meant.
type syntaxError struct {
	pos int
	msg string
}

func (e *syntaxError) Error() string {
	if e.pos == 0 {
		return e.msg
	}
	return fmt.Sprintf("position %d: %s", e.pos, e.msg)
}

func badRule(pos int, format string, args ...any) error {
	return &syntaxError{pos: pos, msg: fmt.Sprintf(format, args...)}
}

// parser reads a rule by recursive descent: "or" binds weakest, then "and",
// then "not". oslo.policy reduces greedily, which accepts the same rules and
// gives them the same meaning.
type parser struct {
	tokens []token
	next   int
	depth  int
	end    int // position after the text, for errors at its end
}

// parseRule compiles a rule in text form. The empty text allows everything, as
// oslo.policy has it; a malformed one is an error, where oslo.policy would log
// it and refuse every request.
func parseRule(text string) (*node, error) {
	if text == "" {
		return &node{op: opTrue}, nil
	}
	if len(text) > maxRuleText {
		return nil, badRule(0, "longer than %d bytes", maxRuleText)
	}
	p := &parser{tokens: tokenize(text), end: len(text) + 1}
	if len(p.tokens) == 0 {
		return nil, badRule(1, `nothing but blanks; to allow everything write "@"`)
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if t, more := p.peek(); more {
		return nil, badRule(t.pos, `expected "and" or "or" before %q`, t.text)
	}
	return n, nil
}

func (p *parser) peek() (token, bool) {
	if p.next == len(p.tokens) {
		return token{pos: p.end}, false
	}
	return p.tokens[p.next], true
}

func (p *parser) accept(kind tokenKind) bool {
	t, ok := p.peek()
	if !ok || t.kind != kind {
		return false
	}
	p.next++
	return true
}

func (p *parser) or() (*node, error)  { return p.chain(opOr, tokenOr, p.and) }
func (p *parser) and() (*node, error) { return p.chain(opAnd, tokenAnd, p.unary) }

// chain reads operands with one operator between them.
func (p *parser) chain(op opcode, between tokenKind, operand func() (*node, error)) (*node, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	kids := []*node{first}
	for p.accept(between) {
		n, err := operand()
		if err != nil {
			return nil, err
		}
		kids = append(kids, n)
	}
	if len(kids) == 1 {
		return first, nil
	}
	return &node{op: op, kids: kids}, nil
}

func (p *parser) unary() (*node, error) {
	t, ok := p.peek()
	if !ok {
		return nil, badRule(t.pos, "the rule ends where a check is expected")
	}
	if p.depth == maxNesting {
		return nil, badRule(t.pos, "nested deeper than %d", maxNesting)
	}
	p.depth++
	defer func() { p.depth-- }()
	p.next++
	switch t.kind {
	case tokenNot:
		n, err := p.unary()
		if err != nil {
			return nil, err
		}
		return &node{op: opNot, kids: []*node{n}}, nil
	case tokenOpen:
		return p.group(t)
	case tokenCheck:
		return parseCheck(t.text, t.pos)
	default:
		return nil, badRule(t.pos, "expected a check before %q", t.text)
	}
}

func (p *parser) group(open token) (*node, error) {
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.accept(tokenClose) {
		return nil, badRule(open.pos, `"(" is never closed`)
	}
	return n, nil
}

// parseList compiles the old list form: one of the outer items must hold, each
// of which is a check or a list of checks that must all hold. No item at all
// allows everything, only empty items nothing.
func parseList(items [][]string) (*node, error) {
	if len(items) == 0 {
		return &node{op: opTrue}, nil
	}
	var either []*node
	count := 0
	for _, item := range items {
		if count += len(item); count > maxListItems {
			return nil, badRule(0, "more than %d checks", maxListItems)
		}
		all := make([]*node, 0, len(item))
		for _, text := range item {
			n, err := parseCheck(text, 0)
			if err != nil {
				return nil, fmt.Errorf("list item %q: %w", text, err)
			}
			all = append(all, n)
		}
		if len(all) > 0 {
			either = append(either, join(opAnd, all))
		}
	}
	if len(either) == 0 {
		return &node{op: opFalse}, nil
	}
	return join(opOr, either), nil
}

func join(op opcode, kids []*node) *node {
	if len(kids) == 1 {
		return kids[0]
	}
	return &node{op: op, kids: kids}
}
