//go:build !race

package keystone

import "testing"

func TestKnownTokensDoNotAllocate(t *testing.T) {
	b := newBench(t)
	b.member("user", later())
	b.service("nova", "service")
	alone := &request{user: "user", method: "GET", path: "/v2/devices"}
	paired := &request{user: "user", service: "nova", method: "GET", path: "/v2/devices"}
	refused := &request{user: "unknown"}
	ctx := t.Context()
	b.passes("user", "nova")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := b.Validate(ctx, alone); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Validate(ctx, paired); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Validate(ctx, refused); err == nil {
			t.Fatal("accepted")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
