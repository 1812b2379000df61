package actors

import (
	"strings"
)

// The prefixes of the keys of a device profile group.
const (
	resourcePrefix = "resources:"
	traitPrefix    = "trait:"
	accelPrefix    = "accel:"
)

const (
	maxProfileName = 255
	maxGroupKey    = 255 // what Placement takes for a class or trait name
	maxProfileText = 65535
	// maxAmount keeps sums far from overflow; the limit that counts is the
	// number of ARQs of a profile.
	maxAmount = 1 << 20

	traitRequired  = "required"
	traitForbidden = "forbidden"
	// xilinxTrait doubles the FPGA amount: such a card shows two functions,
	// and a guest needs both.
	xilinxTrait = traitPrefix + "CUSTOM_FPGA_XILINX"
)

// Validate checks the rules for a device profile and brings its keys into
// their stored form: blanks around the name after the colon are dropped, and
// of keys that are then the same the last one wins. maxARQs limits how many
// ARQs one use of the profile may make. The error is an *Error with
// CodeInvalid that names the field.
func (s *ProfileSpec) Validate(maxARQs int) error {
	if err := checkProfileName(s.Name); err != nil {
		return err
	}
	if len(s.Groups) == 0 {
		return Refuse(CodeInvalid, "groups: a device profile needs at least one group")
	}
	if s.textSize() > maxProfileText {
		return Refuse(CodeInvalid, "groups and description: together longer than %d bytes", maxProfileText)
	}
	total := 0
	for i, group := range s.Groups {
		group = tidyGroup(group)
		s.Groups[i] = group
		for _, r := range group {
			if err := checkRequest(i, r); err != nil {
				return err
			}
		}
		g := &Group{Requests: group}
		if g.value(keyFunction) != "" && g.value(keyBitstream) != "" {
			return Refuse(CodeInvalid, "groups[%d]: %s and %s exclude each other", i, keyFunction, keyBitstream)
		}
		total += g.Amount()
		if total > maxARQs {
			return Refuse(CodeInvalid, "groups: the profile asks for more than %d accelerators", maxARQs)
		}
	}
	return nil
}

func (s *ProfileSpec) textSize() int {
	n := 0
	if s.Description != nil {
		n = len(*s.Description)
	}
	for _, group := range s.Groups {
		for _, r := range group {
			n += len(r.Key) + len(r.Value)
		}
	}
	return n
}

func checkProfileName(name string) error {
	if name == "" {
		return Refuse(CodeInvalid, "name: must not be empty")
	}
	if len(name) > maxProfileName {
		return Refuse(CodeInvalid, "name: longer than %d characters", maxProfileName)
	}
	if !consistsOf(name, isNameByte) {
		return Refuse(CodeInvalid, "name: only letters, digits, '-' and '_' are allowed")
	}
	return nil
}

// tidyGroup strips the names of the keys and merges keys that become equal:
// the place of the first, the value of the last, as a Python dict has it.
func tidyGroup(group []Request) []Request {
	tidy := make([]Request, 0, len(group))
	place := make(map[string]int, len(group))
	for _, r := range group {
		if prefix, name, found := strings.Cut(r.Key, ":"); found {
			r.Key = prefix + ":" + strings.Trim(name, " ")
		}
		if at, repeated := place[r.Key]; repeated {
			tidy[at].Value = r.Value
			continue
		}
		place[r.Key] = len(tidy)
		tidy = append(tidy, r)
	}
	return tidy
}

func checkRequest(group int, r Request) error {
	if len(r.Key) > maxGroupKey {
		return Refuse(CodeInvalid, "groups[%d]: a key is longer than %d characters", group, maxGroupKey)
	}
	switch {
	case strings.HasPrefix(r.Key, resourcePrefix):
		return checkResource(group, r)
	case strings.HasPrefix(r.Key, traitPrefix):
		return checkTrait(group, r)
	case strings.HasPrefix(r.Key, accelPrefix):
		return nil
	}
	return Refuse(CodeInvalid, "groups[%d]: key %q begins with none of resources:, trait:, accel:", group, r.Key)
}

func checkResource(group int, r Request) error {
	if !knownResourceClass(r.Key[len(resourcePrefix):]) {
		return Refuse(CodeInvalid,
			"groups[%d]: %q: the resource class must be FPGA, GPU, VGPU, PGPU or CUSTOM_*", group, r.Key)
	}
	amount, ok := parseAmount(r.Value)
	if !ok || amount < 1 {
		return Refuse(CodeInvalid, "groups[%d]: %q: the amount must be a whole number from 1", group, r.Key)
	}
	if amount > maxAmount {
		return Refuse(CodeInvalid, "groups[%d]: %q: the amount is too large", group, r.Key)
	}
	return nil
}

func checkTrait(group int, r Request) error {
	name, custom := strings.CutPrefix(r.Key[len(traitPrefix):], "CUSTOM_")
	if !custom || name == "" || !consistsOf(name, isClassByte) {
		return Refuse(CodeInvalid,
			"groups[%d]: %q: a trait is CUSTOM_ and capital letters, digits or '_'", group, r.Key)
	}
	if r.Value != traitRequired && r.Value != traitForbidden {
		return Refuse(CodeInvalid, "groups[%d]: %q: the value must be required or forbidden", group, r.Key)
	}
	return nil
}

func knownResourceClass(class string) bool {
	switch class {
	case "FPGA", "GPU", "VGPU", "PGPU":
		return true
	}
	name, custom := strings.CutPrefix(class, "CUSTOM_")
	return custom && consistsOf(name, isClassByte)
}

// parseAmount reads an amount as the reference does: blanks around the digits
// are fine. Anything beyond maxAmount comes back as maxAmount+1.
func parseAmount(text string) (int, bool) {
	digits := strings.TrimSpace(text)
	if digits == "" || !consistsOf(digits, isDigit) {
		return 0, false
	}
	amount := 0
	for i := range len(digits) {
		amount = min(amount*10+int(digits[i]-'0'), maxAmount+1)
	}
	return amount, true
}

// Amount is the number of ARQs that the group makes: the sum of its resource
// amounts, that of FPGA doubled when trait:CUSTOM_FPGA_XILINX is required.
func (g *Group) Amount() int {
	total := 0
	for _, r := range g.Requests {
		class, ok := strings.CutPrefix(r.Key, resourcePrefix)
		if !ok {
			continue
		}
		amount, _ := parseAmount(r.Value)
		if class == "FPGA" && g.wants(xilinxTrait) {
			amount *= 2
		}
		total += amount
	}
	return total
}

func (g *Group) wants(traitKey string) bool {
	for _, r := range g.Requests {
		if r.Key == traitKey && r.Value == traitRequired {
			return true
		}
	}
	return false
}

// ResourceClasses gives the resource classes that the group asks for, in the
// order of the profile.
func (g *Group) ResourceClasses() []string {
	return g.namesAfter(resourcePrefix, "")
}

// RequiredTraits gives the traits that a deployable must have.
func (g *Group) RequiredTraits() []string {
	return g.namesAfter(traitPrefix, traitRequired)
}

// ForbiddenTraits gives the traits that a deployable must not have.
func (g *Group) ForbiddenTraits() []string {
	return g.namesAfter(traitPrefix, traitForbidden)
}

// namesAfter lists what follows prefix in the keys whose value is the given
// one; an empty value stands for any.
func (g *Group) namesAfter(prefix, value string) []string {
	var names []string
	for _, r := range g.Requests {
		if name, ok := strings.CutPrefix(r.Key, prefix); ok && (value == "" || r.Value == value) {
			names = append(names, name)
		}
	}
	return names
}

func consistsOf(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func isClassByte(b byte) bool { return b >= 'A' && b <= 'Z' || isDigit(b) || b == '_' }

func isNameByte(b byte) bool { return isClassByte(b) || b >= 'a' && b <= 'z' || b == '-' }
