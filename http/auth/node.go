package auth

import "strings"

// opcode is what a node of a compiled rule does.
type opcode int

const (
	opTrue    opcode = iota
	opFalse          // "!"
	opNot            // kids[0]
	opAnd            // all kids
	opOr             // one of the kids
	opRule           // kids[0], the root of the rule named by text; set by linking
	opRole           // the identity has the role that value gives
	opLiteral        // text equals what value gives
	opCred           // a credential equals what value gives
)

// node is one check or operator. A struct with a switch, not an interface per
// kind: so the compiler sees that evaluation lets neither target nor identity
// escape, and the caller can keep both on its stack.
type node struct {
	op    opcode
	kids  []*node
	text  string // opRule: the rule's name; opLiteral: the literal's text
	value template
	cred  credential
	raw   string // the check as written
}

// eval answers whether the rule allows. It ends: linking has refused cycles
// and bounded the depth and the number of checks.
func (n *node) eval(t *Target, id *Identity) bool {
	switch n.op {
	case opTrue:
		return true
	case opNot:
		return !n.kids[0].eval(t, id)
	case opRule:
		return len(n.kids) > 0 && n.kids[0].eval(t, id)
	case opAnd:
		for _, kid := range n.kids {
			if !kid.eval(t, id) {
				return false
			}
		}
		return true
	case opOr:
		for _, kid := range n.kids {
			if kid.eval(t, id) {
				return true
			}
		}
		return false
	case opRole, opLiteral, opCred:
		return n.compare(t, id)
	case opFalse:
	}
	return false
}

// compare fails when the target lacks what the right side asks for.
func (n *node) compare(t *Target, id *Identity) bool {
	want, ok := n.value.expand(t)
	switch {
	case !ok:
		return false
	case n.op == opRole:
		return hasRole(id.Roles, want)
	case n.op == opLiteral:
		return n.text == want
	default:
		return n.cred.matches(id, want)
	}
}

// String writes the rule so that parsing it again gives the same rule.
func (n *node) String() string {
	switch n.op {
	case opTrue:
		return "@"
	case opFalse:
		return "!"
	case opNot:
		return "not " + n.kids[0].operand()
	case opAnd:
		return n.joined(" and ")
	case opOr:
		return n.joined(" or ")
	case opRule, opRole, opLiteral, opCred:
	}
	return n.raw
}

func (n *node) joined(between string) string {
	parts := make([]string, len(n.kids))
	for i, kid := range n.kids {
		parts[i] = kid.operand()
	}
	return strings.Join(parts, between)
}

func (n *node) operand() string {
	if n.op == opAnd || n.op == opOr {
		return "(" + n.String() + ")"
	}
	return n.String()
}

// walk visits the node and what it consists of; it does not follow references.
func (n *node) walk(visit func(*node)) {
	visit(n)
	if n.op == opRule {
		return
	}
	for _, kid := range n.kids {
		kid.walk(visit)
	}
}

// clone copies the tree, so that linking it into one policy leaves another,
// made from the same overrides, alone.
func (n *node) clone() *node {
	c := *n
	c.kids = make([]*node, len(n.kids))
	for i, kid := range n.kids {
		c.kids[i] = kid.clone()
	}
	return &c
}
