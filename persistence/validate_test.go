package persistence_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

func key(kind persistence.Kind, n byte) persistence.Key {
	return persistence.Key{Kind: kind, ID: uuid.UUID{n}}
}

// manyPuts makes n puts of different keys, each with a claim of its own.
func manyPuts(n int) []persistence.Put {
	puts := make([]persistence.Put, n)
	for i := range puts {
		puts[i].Key = key("arq", byte(i))
		puts[i].Claims = []persistence.Claim{{Space: "s", Value: string(rune('a' + i))}}
	}
	return puts
}

func TestValidate(t *testing.T) {
	a, b := key("arq", 1), key("arq", 2)
	claim := persistence.Claim{Space: "handle", Value: "h1"}
	twice := func(n int) persistence.Transition {
		puts := manyPuts(n)
		puts[n-1].Key = puts[0].Key
		return persistence.Transition{Puts: puts}
	}
	clash := func(n int) persistence.Transition {
		puts := manyPuts(n)
		puts[n-1].Claims = puts[0].Claims
		return persistence.Transition{Puts: puts}
	}
	for name, test := range map[string]struct {
		t    persistence.Transition
		want string // part of the error; empty for a valid transition
	}{
		"empty":                       {persistence.Transition{}, ""},
		"check, put and delete":       {persistence.Transition{Checks: []persistence.Check{{Key: a}}, Puts: []persistence.Put{{Key: b}}, Deletes: []persistence.Delete{{Key: key("b", 1), Expected: 1}}}, ""},
		"same id of two kinds":        {persistence.Transition{Puts: []persistence.Put{{Key: a}, {Key: key("device", 1)}}}, ""},
		"200 keys":                    {persistence.Transition{Puts: manyPuts(200)}, ""},
		"2 puts of a key":             {twice(2), "arq/00000000-0000-0000-0000-000000000000 twice"},
		"first and 16th of a key":     {twice(16), "twice"},
		"first and 17th of a key":     {twice(17), "twice"},
		"first and 200th of a key":    {twice(200), "twice"},
		"checked and put":             {persistence.Transition{Checks: []persistence.Check{{Key: a}}, Puts: []persistence.Put{{Key: a}}}, "twice"},
		"put and deleted":             {persistence.Transition{Puts: []persistence.Put{{Key: a}}, Deletes: []persistence.Delete{{Key: a, Expected: 1}}}, "twice"},
		"checked and deleted":         {persistence.Transition{Checks: []persistence.Check{{Key: a}}, Deletes: []persistence.Delete{{Key: a, Expected: 1}}}, "twice"},
		"delete of nothing":           {persistence.Transition{Deletes: []persistence.Delete{{Key: a}}}, "expects no record"},
		"claim of 2 records":          {clash(2), "claim s=a twice"},
		"claim of first and 17th":     {clash(17), "claim s=a twice"},
		"claim twice in a record":     {persistence.Transition{Puts: []persistence.Put{{Key: a, Claims: []persistence.Claim{claim, claim}}}}, "claim handle=h1 twice"},
		"claim with unprintable text": {persistence.Transition{Puts: []persistence.Put{{Key: a, Claims: []persistence.Claim{{Space: "s", Value: "\x01"}, {Space: "s", Value: "\x01"}}}}}, "claim s=0x01 twice"},
		"no kind":                     {persistence.Transition{Puts: []persistence.Put{{Key: key("", 1)}}}, `kind ""`},
		"kind with a dash":            {persistence.Transition{Checks: []persistence.Check{{Key: key("a-b", 1)}}}, `kind "a-b"`},
		"kind of 32 bytes":            {persistence.Transition{Puts: []persistence.Put{{Key: key(persistence.Kind(strings.Repeat("a", 32)), 1)}}}, ""},
		"kind of 33 bytes":            {persistence.Transition{Deletes: []persistence.Delete{{Key: key(persistence.Kind(strings.Repeat("a", 33)), 1), Expected: 1}}}, "kind"},
	} {
		err := test.t.Validate()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v, want valid", name, err)
		case test.want != "" && (!errors.Is(err, persistence.ErrInvalid) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want ErrInvalid with %q", name, err, test.want)
		}
	}
}

func TestValidateOfFewKeysAllocatesNothing(t *testing.T) {
	transition := persistence.Transition{Puts: manyPuts(8)}
	if n := testing.AllocsPerRun(100, func() {
		if err := transition.Validate(); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
