package http

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"
)

// bindText is the body of a PATCH that binds n ARQs, as Nova sends it.
func bindText(n int) []byte {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`%q: [{"path": "/hostname", "op": "add", "value": "compute-0012"}, `+
			`{"path": "/device_rp_uuid", "op": "add", "value": %q}, {"path": "/instance_uuid", "op": "add", "value": %q}]`,
			uuid.New(), provider, instance)
	}
	return []byte("{" + strings.Join(items, ", ") + "}")
}

// BenchmarkParseBody parses bodies, strictly, and reads what they ask for.
func BenchmarkParseBody(b *testing.B) {
	patch := func(v *fastjson.Value) error {
		_, err := parsePatch(v, uuid.Nil, patchRights{})
		return err
	}
	for _, tc := range []struct {
		name string
		body []byte
		read func(*fastjson.Value) error
	}{
		{"create", []byte(`{"device_profile_name": "gpu-small"}`), func(v *fastjson.Value) error {
			_, err := parseCreate(v)
			return err
		}},
		{"bind-1", bindText(1), patch},
		{"bind-8", bindText(8), patch},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(tc.body)))
			for b.Loop() {
				parser := parsers.Get()
				err := parseInto(parser, tc.body, tc.read)
				parsers.Put(parser)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseQuery(b *testing.B) {
	known := withPaging("instance", "bind_state", "state")
	query := "instance=" + instance.String() + "&bind_state=resolved&limit=1000"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseQuery(query, known); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNegotiate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := negotiate("accelerator 2.3"); err != nil {
			b.Fatal(err)
		}
	}
}
