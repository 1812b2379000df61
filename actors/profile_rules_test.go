package actors

import (
	"reflect"
	"strings"
	"testing"
)

func spec(groups ...[]Request) ProfileSpec {
	return ProfileSpec{Name: "p", Groups: groups}
}

func group(keysAndValues ...string) []Request {
	var g []Request
	for i := 0; i < len(keysAndValues); i += 2 {
		g = append(g, Request{keysAndValues[i], keysAndValues[i+1]})
	}
	return g
}

func TestProfileNames(t *testing.T) {
	for _, tc := range []struct {
		name  string
		valid bool
	}{
		{"one-r1", true},
		{"UPPER_lower-0", true},
		{strings.Repeat("n", 255), true},
		{strings.Repeat("n", 256), false},
		{"", false},
		{"has space", false},
		{"a.b", false},
		{"a/b", false},
		{"ümlaut", false},
		{"a$b", false},
		{"x,y", false},
		{"newline\n", false},
	} {
		s := ProfileSpec{Name: tc.name, Groups: [][]Request{group("resources:FPGA", "1")}}
		checkOutcome(t, tc.name, s.Validate(256), tc.valid, "name")
	}
}

func TestGroupRules(t *testing.T) {
	for _, tc := range []struct {
		name  string
		group []Request
		valid bool
	}{
		{"empty group", group(), true},
		{"amount", group("resources:FPGA", "1"), true},
		{"amount with blanks", group("resources:FPGA", " 1 "), true},
		{"amount zero", group("resources:FPGA", "0"), false},
		{"amount negative", group("resources:FPGA", "-1"), false},
		{"amount fraction", group("resources:FPGA", "1.5"), false},
		{"amount word", group("resources:FPGA", "abc"), false},
		{"amount empty", group("resources:FPGA", ""), false},
		{"amount huge", group("resources:FPGA", "99999999999999999999"), false},
		{"amount at the limit", group("resources:FPGA", "256"), true},
		{"amount over the limit", group("resources:FPGA", "257"), false},
		{"doubled over the limit", group("resources:FPGA", "129", "trait:CUSTOM_FPGA_XILINX", "required"), false},
		{"sum over the limit", group("resources:FPGA", "200", "resources:GPU", "57"), false},
		{"classes", group("resources:GPU", "1", "resources:VGPU", "1", "resources:PGPU", "1"), true},
		{"custom class", group("resources:CUSTOM_QAT", "1"), true},
		{"custom class without a name", group("resources:CUSTOM_", "1"), true},
		{"custom class, odd characters", group("resources:CUSTOM_a b", "1"), false},
		{"class of Nova", group("resources:VCPU", "1"), false},
		{"class in lower case", group("resources:fpga", "1"), false},
		{"no class", group("resources:", "1"), false},
		{"numbered resources", group("resources1:FPGA", "1"), false},
		{"no colon", group("resources", "1"), false},
		{"unknown prefix", group("foo:FPGA", "1"), false},
		{"trait required", group("trait:CUSTOM_X", "required"), true},
		{"trait forbidden", group("trait:CUSTOM_X", "forbidden"), true},
		{"trait preferred", group("trait:CUSTOM_X", "preferred"), false},
		{"trait Required", group("trait:CUSTOM_X", "Required"), false},
		{"trait of the system", group("trait:HW_CPU_X86_VMX", "required"), false},
		{"trait in lower case", group("trait:custom_x", "required"), false},
		{"trait, odd characters", group("trait:CUSTOM_a b", "required"), false},
		{"trait without a name", group("trait:CUSTOM_", "required"), false},
		{"no trait", group("trait:", "required"), false},
		{"accel", group("accel:function_id", "f", "accel:anything", ""), true},
		{"image by uuid and by function", group("accel:function_id", "f", "accel:bitstream_id", "b"), false},
		{"key too long", group("accel:"+strings.Repeat("x", 250), "f"), false},
		{"text too long", group("accel:x", strings.Repeat("x", 70000)), false},
	} {
		s := spec(tc.group)
		checkOutcome(t, tc.name, s.Validate(256), tc.valid, "groups")
	}
	none := spec()
	checkOutcome(t, "no groups", none.Validate(256), false, "groups")
	two := spec(group("resources:FPGA", "128"), group("resources:FPGA", "129"))
	checkOutcome(t, "sum of two groups over the limit", two.Validate(256), false, "groups")
}

func checkOutcome(t *testing.T, name string, err error, valid bool, field string) {
	t.Helper()
	if valid {
		if err != nil {
			t.Errorf("%s: refused: %v", name, err)
		}
		return
	}
	if err == nil || ErrorCode(err) != CodeInvalid || !strings.HasPrefix(err.Error(), field) {
		t.Errorf("%s: got %v, want a refusal that names %s", name, err, field)
	}
}

func TestKeysAreStoredStripped(t *testing.T) {
	s := spec(group("resources: FPGA ", " 2 ", "trait: CUSTOM_X ", "required", "accel: a ", " v ", "resources:FPGA", "3"))
	if err := s.Validate(256); err != nil {
		t.Fatal(err)
	}
	want := group("resources:FPGA", "3", "trait:CUSTOM_X", "required", "accel:a", " v ")
	if !reflect.DeepEqual(s.Groups[0], want) {
		t.Errorf("got %q, want %q", s.Groups[0], want)
	}
}

func TestGroupAmounts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		group []Request
		want  int
	}{
		{"nothing", group(), 0},
		{"only traits", group("trait:CUSTOM_X", "required"), 0},
		{"sum", group("resources:FPGA", "1", "resources:PGPU", " 2 "), 3},
		{"Xilinx doubles", group("resources:FPGA", "2", "trait:CUSTOM_FPGA_XILINX", "required"), 4},
		{"Xilinx doubles FPGA only", group("trait:CUSTOM_FPGA_XILINX", "required", "resources:FPGA", "1", "resources:GPU", "1"), 3},
		{"Xilinx forbidden", group("resources:FPGA", "2", "trait:CUSTOM_FPGA_XILINX", "forbidden"), 2},
	} {
		if got := (&Group{Requests: tc.group}).Amount(); got != tc.want {
			t.Errorf("%s: %d ARQs, want %d", tc.name, got, tc.want)
		}
	}
}

func TestGroupNames(t *testing.T) {
	g := &Group{Requests: group("resources:FPGA", "1", "trait:CUSTOM_A", "required", "accel:x", "required",
		"trait:CUSTOM_B", "forbidden", "resources:CUSTOM_Q", "1", "trait:CUSTOM_C", "required")}
	for what, pair := range map[string][2][]string{
		"classes":          {g.ResourceClasses(), {"FPGA", "CUSTOM_Q"}},
		"required traits":  {g.RequiredTraits(), {"CUSTOM_A", "CUSTOM_C"}},
		"forbidden traits": {g.ForbiddenTraits(), {"CUSTOM_B"}},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %q, want %q", what, pair[0], pair[1])
		}
	}
}
