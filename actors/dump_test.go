package actors

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// TestDescribeRaw: a record that is not understood is still given, as it is.
func TestDescribeRaw(t *testing.T) {
	id := uuid.New()
	for name, r := range map[string]persistence.Record{
		"of an unknown kind": {Key: persistence.Key{Kind: "later", ID: id}, Generation: 7, Body: []byte{1, 2, 3}},
		"cut short":          {Key: arqKey(id), Generation: 7, Body: []byte{1, 2, 3}},
	} {
		line, err := Describe(r)
		if !errors.Is(err, errBody) || !strings.Contains(err.Error(), r.Key.String()) {
			t.Errorf("%s: %v, want an error that names the record", name, err)
		}
		got, err := json.Marshal(line)
		want := fmt.Sprintf(`{"kind":%q,"id":%q,"generation":7,"body":null,"raw":"AQID"}`, r.Key.Kind, id)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v\nwant %s", name, got, err, want)
		}
	}
}

// TestReportCountsRestoration only where there is one.
func TestReportCountsRestoration(t *testing.T) {
	r := Report{Records: map[persistence.Kind]int{}}
	if strings.Contains(r.String(), "restoration") {
		t.Errorf("%s", &r)
	}
	r.Records[kindRestoration] = 1
	if !strings.Contains(r.String(), "restoration 1\n") {
		t.Errorf("%s", &r)
	}
}
