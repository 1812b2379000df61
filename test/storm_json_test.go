package test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tree is a JSON text whose parts can be changed into what no encoder makes:
// members keep their order and may be there twice, scalars are any bytes.
type tree struct {
	open    byte     // '{', '[' or 0 for a scalar
	scalar  string   // as written
	names   []string // of an object's members, as written
	members []*tree
}

// parseTree gives nil for what is no JSON.
func parseTree(text []byte) *tree {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	t, err := readTree(decoder)
	if err != nil {
		return nil
	}
	return t
}

func readTree(decoder *json.Decoder) (*tree, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	open, is := token.(json.Delim)
	if !is {
		return &tree{scalar: written(token)}, nil
	}
	t := &tree{open: byte(open)}
	for decoder.More() {
		if open == '{' {
			name, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			t.names = append(t.names, written(name))
		}
		member, err := readTree(decoder)
		if err != nil {
			return nil, err
		}
		t.members = append(t.members, member)
	}
	_, err = decoder.Token()
	return t, err
}

// written gives a scalar as it stands in a text.
func written(token json.Token) string {
	text, err := json.Marshal(token)
	if err != nil {
		panic(err) // it was read from one
	}
	return string(text)
}

func (t *tree) appendTo(b []byte) []byte {
	if t.open == 0 {
		return append(b, t.scalar...)
	}
	b = append(b, t.open)
	for i, member := range t.members {
		if i > 0 {
			b = append(b, ", "...)
		}
		if t.open == '{' {
			b = append(append(b, t.names[i]...), ": "...)
		}
		b = member.appendTo(b)
	}
	return append(b, t.open+2) // } and ] are two after { and [
}

// all gives the tree and every part of it.
func (t *tree) all() []*tree {
	parts := []*tree{t}
	for _, member := range t.members {
		parts = append(parts, member.all()...)
	}
	return parts
}

// copyOf shares nothing with t.
func (t *tree) copyOf() *tree {
	c := *t
	c.names = slices.Clone(t.names)
	c.members = nil
	for _, member := range t.members {
		c.members = append(c.members, member.copyOf())
	}
	return &c
}

// mutate changes one part.
func (t *tree) mutate(rng *rand.Rand) {
	parts := t.all()
	part, other := parts[rng.IntN(len(parts))], parts[rng.IntN(len(parts))]
	n := len(part.members)
	switch rng.IntN(8) {
	case 0, 1:
		*part = tree{scalar: oddScalar(rng)}
	case 2:
		*part = *other.copyOf()
	case 3:
		*part = tree{open: '[', members: []*tree{part.copyOf()}}
	case 4:
		*part = tree{open: '{', names: []string{oddName(rng)}, members: []*tree{part.copyOf()}}
	case 5:
		if n > 0 {
			i := rng.IntN(n)
			part.members = slices.Delete(part.members, i, i+1)
			if part.open == '{' {
				part.names = slices.Delete(part.names, i, i+1)
			}
		}
	case 6:
		if n > 0 { // once more, at the end
			i := rng.IntN(n)
			part.members = append(part.members, part.members[i].copyOf())
			if part.open == '{' {
				part.names = append(part.names, part.names[i])
			}
		}
	case 7:
		if n > 0 && part.open == '{' {
			part.names[rng.IntN(n)] = oddName(rng)
		}
	}
}

var oddScalars = []string{
	"null", "true", "false", "0", "-0", "-1", "1", "1.0", "1e0", "1e400", "-1e400", "0.1e-999999999", "99999999999999999999999999",
	"9223372036854775807", "9223372036854775808", "4294967296", "65537", "01", "+1", ".5", "NaN", "Infinity", "0x10", "1_000",
	`""`, `" "`, `"0"`, `"1"`, `"-1"`, `"257"`, `"99999999999999999999"`, `"\u0000"`, `"\ud800"`, `"\udc00\ud800"`, `"\u00e4"`, `"\x"`,
	`"\u12"`, "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\n\"", "\"\x00\"", `"\n"`, `"\/"`, `"🦫"`, `"a/b"`, `"../.."`, `"%00"`, `"'"`, `"${a}"`,
	`"00000000-0000-0000-0000-000000000000"`, `"ffffffff-ffff-ffff-ffff-ffffffffffff"`, `"{00000000-0000-4000-8000-000000000001}"`,
	`"urn:uuid:00000000-0000-4000-8000-000000000001"`, `"00000000000040008000000000000001"`, `"0000000-0000-4000-8000-0000000000001"`,
	`"add"`, `"remove"`, `"replace"`, `"/hostname"`, `"/device_rp_uuid"`, `"/instance_uuid"`, `"/project_id"`, `"/"`, `"//hostname"`, `"/hostname/x"`,
	`"required"`, `"forbidden"`, `"fakehost2"`, `[]`, `{}`, `[[]]`, `[{}]`, `[null]`, `{"": ""}`, "tru", `"open`, "{", "]", "", "/* */", "\xef\xbb\xbf1",
}

func oddScalar(rng *rand.Rand) string {
	switch rng.IntN(24) {
	case 0:
		return `"` + strings.Repeat("x", 1<<rng.IntN(18)) + `"`
	case 1:
		return strings.Repeat("9", 1<<rng.IntN(12))
	case 2:
		n := 1 << rng.IntN(14)
		return strings.Repeat("[", n) + strings.Repeat("]", n)
	case 3:
		n := 1 << rng.IntN(12)
		return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n)
	case 4:
		return "[" + strings.TrimSuffix(strings.Repeat("0,", 1<<rng.IntN(14)), ",") + "]"
	case 5:
		return manyMembers(rng)
	}
	return oddScalars[rng.IntN(len(oddScalars))]
}

func manyMembers(rng *rand.Rand) string {
	b := []byte("{")
	for i := range 1 << rng.IntN(12) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, newUUID()), ":[]"...)
	}
	return string(append(b, '}'))
}

var oddNames = []string{
	`""`, `" "`, `"name"`, `"uuid"`, `"groups"`, `"op"`, `"path"`, `"value"`, `"resources:FPGA"`, `"resources: FPGA "`, `"trait:CUSTOM_X"`, `"accel:bitstream_id"`,
	`"accel:function_id"`, `"resources:"`, `":"`, `"__proto__"`, `"\u0000"`, `"\ud800"`, "\"\xff\"", `"device_profile_name"`, `"deployable_id"`, `"key"`, `"a` + "\x01" + `"`, `name`, `1`,
}

func oddName(rng *rand.Rand) string { return oddNames[rng.IntN(len(oddNames))] }

// TestTrees: a tree that nobody has changed is the text that it was made of; else
// storms would send no JSON.
func TestTrees(t *testing.T) {
	for _, text := range []string{
		`{"a": "b", "c": [1, 2.50, -0, true, null, "\u00e4\n\"\\"], "": {}, "a": []}`, `"text"`, `[]`, `12345678901234567890`,
	} {
		var want, got any
		again := parseTree([]byte(text)).appendTo(nil)
		if json.Unmarshal([]byte(text), &want) == nil && json.Unmarshal(again, &got) != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s became %s", text, again)
		}
	}
}
