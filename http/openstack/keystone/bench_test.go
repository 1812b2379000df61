package keystone

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/arqd/arqd/http/auth"
)

// BenchmarkKnownTokens is the path of nearly every request: tokens of the
// length of Keystone's, found in memory.
func BenchmarkKnownTokens(b *testing.B) {
	v := New(nil, Options{})
	remember := func(text string, roles ...string) {
		v.known.put(keyOf(text), &token{
			expires: time.Now().Add(time.Hour), identity: auth.Identity{UserID: "u", ProjectID: "p", Roles: roles},
		}, time.Now().Add(time.Hour))
	}
	fernet := func(i int) string { return fmt.Sprintf("gAAAAA%s%06d", strings.Repeat("x", 171), i) }
	remember(fernet(0), "service")
	var alone, paired []*request
	for i := 1; i <= 10000; i++ {
		remember(fernet(i), "member", "reader")
		alone = append(alone, &request{user: fernet(i)})
		paired = append(paired, &request{user: fernet(i), service: fernet(0)})
	}
	for name, requests := range map[string][]*request{"user": alone, "user and service": paired} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				ctx := b.Context()
				for i := 0; pb.Next(); i++ {
					if _, err := v.Validate(ctx, requests[i%len(requests)]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
