package faulty

import (
	"slices"
	"strings"

	"github.com/arqd/arqd/persistence"
)

// Kinds says which kinds of records a write puts and deletes, each once, in
// alphabetical order: "put:arq+handle,delete:instance".
func Kinds(t persistence.Transition) string {
	var puts, deletes []string
	for i := range t.Puts {
		puts = append(puts, string(t.Puts[i].Key.Kind))
	}
	for _, d := range t.Deletes {
		deletes = append(deletes, string(d.Key.Kind))
	}
	return strings.Join(slices.Concat(phrase("put", puts), phrase("delete", deletes)), ",")
}

func phrase(verb string, kinds []string) []string {
	if len(kinds) == 0 {
		return nil
	}
	slices.Sort(kinds)
	return []string{verb + ":" + strings.Join(slices.Compact(kinds), "+")}
}
