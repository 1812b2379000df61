package auth

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

const (
	maxPolicyFile  = 1 << 20
	maxFileReports = 20 // faults reported of one file
)

// RuleError says which rule is wrong and where.
type RuleError struct {
	File string // "" for a rule that is built in
	Line int    // of the rule's name, 0 when unknown
	Rule string // "" when the fault is not in a rule
	Err  error  // what is wrong and at which position of the rule's text
}

// Error gives file:line, the rule, the position in its text and the fault.
func (e *RuleError) Error() string {
	place := e.File
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	switch {
	case place == "":
		return fmt.Sprintf("rule %q: %v", e.Rule, e.Err)
	case e.Rule == "":
		return fmt.Sprintf("%s: %v", place, e.Err)
	}
	return fmt.Sprintf("%s: rule %q: %v", place, e.Rule, e.Err)
}

// Unwrap gives the fault.
func (e *RuleError) Unwrap() error { return e.Err }

// Overrides are the rules of an operator's file.
type Overrides struct {
	File  string // for errors
	rules []override
}

type override struct {
	name string
	text string
	line int
	root *node
}

// LoadFile reads a policy.yaml. An empty file overrides nothing; one that is
// not there is an error (fs.ErrNotExist). Every rule that is malformed is
// reported, as joined *RuleErrors.
func LoadFile(path string) (*Overrides, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("policy file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPolicyFile+1))
	if err != nil {
		return nil, fmt.Errorf("policy file: %w", err)
	}
	return ParseFile(path, data)
}

// ParseFile reads the content of a policy.yaml; the name is for errors.
func ParseFile(name string, data []byte) (*Overrides, error) {
	if len(data) > maxPolicyFile {
		return nil, &RuleError{File: name, Err: badRule(0, "larger than %d bytes", maxPolicyFile)}
	}
	top, err := document(data)
	if err != nil {
		return nil, &RuleError{File: name, Err: err}
	}
	o := &Overrides{File: name}
	if top == nil {
		return o, nil
	}
	r := &fileReader{name: name, lines: bytes.Split(data, []byte("\n"))}
	if o.rules, err = r.rules(top); err != nil {
		return nil, err
	}
	return o, nil
}
