package auth

import (
	"fmt"
	"testing"
)

func BenchmarkEnforce(b *testing.B) {
	for _, set := range []Set{SetNew, SetLegacy} {
		for _, who := range []string{"norole", "demo", "nova"} {
			b.Run(fmt.Sprintf("%v/%s", set, who), func(b *testing.B) {
				e, err := NewEnforcer(set, "")
				if err != nil {
					b.Fatal(err)
				}
				id := persona(who)
				b.ReportAllocs()
				for b.Loop() {
					e.Enforce(RuleARQCreate, &Target{ProjectID: id.ProjectID, UserID: id.UserID}, id)
				}
			})
		}
	}
}

func BenchmarkValidateHeaders(b *testing.B) {
	requests := []*request{service("service")}
	for i := range 5000 { // more users than slots: many are read anew
		requests = append(requests, from(fmt.Sprintf("X-User-Id: u%d", i)))
	}
	for name, use := range map[string][]*request{"known": requests[:1], "mostly new": requests} {
		b.Run(name, func(b *testing.B) {
			v, ctx := NewHeaders(nil), b.Context()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := v.Validate(ctx, use[i%len(use)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewPolicy(b *testing.B) {
	for b.Loop() {
		if _, err := NewPolicy(SetNew, nil); err != nil {
			b.Fatal(err)
		}
	}
}
