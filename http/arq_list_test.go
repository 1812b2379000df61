package http

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
)

func TestListQueriesReachTheBackend(t *testing.T) {
	admin := actors.Scope{ProjectID: "p-admin", Admin: true}
	demo := actors.Scope{ProjectID: "p-demo"}
	for _, tc := range []struct {
		as, query string
		want      actors.ARQQuery
	}{
		{"admin", "", actors.ARQQuery{Scope: admin}},
		{"demo", "", actors.ARQQuery{Scope: demo}},
		{"demo", "?instance=" + strings.ToUpper(instance.String()), actors.ARQQuery{Scope: demo, Instance: instance}},
		{"demo", "?bind_state=resolved", actors.ARQQuery{Scope: demo, States: resolvedStates}},
		{"demo", "?bind_state=", actors.ARQQuery{Scope: demo}},
		{"demo", "?hostname=", actors.ARQQuery{Scope: demo}},
		{"demo", "?hostname=a%20b+c", actors.ARQQuery{Scope: demo, Hostname: "a b c"}},
		{"demo", "?state=Bound,Initial", actors.ARQQuery{Scope: demo, States: []actors.State{actors.Bound, actors.Initial}}},
		{"demo", "?state=Bound,Initial&bind_state=resolved", actors.ARQQuery{Scope: demo, States: []actors.State{actors.Bound}}},
		{"demo", "?device_rp_uuid=" + provider.String(), actors.ARQQuery{Scope: demo, ProviderUUID: provider}},
		{"demo", "?device_profile_name=one", actors.ARQQuery{Scope: demo, ProfileName: "one"}},
		{"demo", "?project_id=p-demo", actors.ARQQuery{Scope: demo, ProjectID: "p-demo"}},
		{"admin", "?project_id=p-demo", actors.ARQQuery{Scope: admin, ProjectID: "p-demo"}},
		{
			"demo", "?limit=2&marker=" + arq1.String() + "&sort_dir=desc",
			actors.ARQQuery{Scope: demo, Limit: 2, After: arq1, Descending: true},
		},
		{"demo", "?limit=99999999999&sort_key=created_at", actors.ARQQuery{Scope: demo, Limit: 1<<31 - 1}},
		{"demo", "?sort_key=uuid&sort_dir=asc", actors.ARQQuery{Scope: demo}},
		{"demo", "?sort_key=state&limit=2", actors.ARQQuery{Scope: demo}},
	} {
		h := serve(t)
		h.do("GET", "/v2/accelerator_requests"+tc.query, ask{as: tc.as}).gives(200, `{"arqs": []}`)
		if len(h.backend.queries) != 1 || !reflect.DeepEqual(h.backend.queries[0], tc.want) {
			t.Errorf("%s %s: the backend got %+v, want %+v", tc.as, tc.query, h.backend.queries, tc.want)
		}
	}
}

func TestListsThatAreRefused(t *testing.T) {
	h := serve(t)
	for query, words := range map[string]string{
		"?instance=":     "instance",
		"?instance=nope": "instance",
		"?instance=00000000000000000000000000000000": "instance",
		"?bind_state=foo":   "bind_state",
		"?bind_state=Bound": "bind_state",
		"?bind_state=foo&instance=" + instance.String(): "bind_state",
		"?state=":                  "state",
		"?state=bound":             "state",
		"?state=Bound,":            "state",
		"?device_rp_uuid=":         "device_rp_uuid",
		"?device_rp_uuid=x":        "device_rp_uuid",
		"?device_profile_name=":    "device_profile_name",
		"?project_id=":             "project_id",
		"?sort_key=links":          "sort_key",
		"?limit=0":                 "limit",
		"?foo=bar":                 `"foo"`,
		"?arqs=" + arq1.String():   `"arqs"`,
		"?sort_key=state&marker=x": "marker",
	} {
		h.do("GET", "/v2/accelerator_requests"+query, ask{as: "demo"}).fails(400, words)
	}
	h.do("GET", "/v2/accelerator_requests?project_id=p-other", ask{as: "demo"}).fails(403, "project_id")
	if len(h.backend.queries) != 0 {
		t.Errorf("the backend was asked: %+v", h.backend.queries)
	}
	h.backend.queryARQs = func(actors.ARQQuery) (iter.Seq[*actors.ARQ], error) {
		return nil, actors.Refuse(actors.CodeInvalid, "marker: unknown")
	}
	h.do("GET", "/v2/accelerator_requests?marker="+nobody, ask{}).fails(400, "marker")
	h.do("GET", "/v2/accelerator_requests?sort_key=state", ask{}).fails(400, "marker")
}

func TestListARQs(t *testing.T) {
	h := serve(t)
	h.backend.arqs = []*actors.ARQ{initialARQ(arq1), boundARQ(arq2)}
	got := h.do("GET", "/v2/accelerator_requests", ask{})
	got.gives(200, `{"arqs": [`+initialJSON+`, `+boundJSON+`]}`)
	got.has("content-type", "application/json")
	for query, want := range map[string][]string{
		"?limit=2":                                        {arq1.String(), arq2.String()},
		"?sort_key=state":                                 {arq2.String(), arq1.String()},
		"?sort_key=state&sort_dir=desc":                   {arq1.String(), arq2.String()},
		"?sort_key=hostname":                              {arq1.String(), arq2.String()},
		"?sort_key=updated_at&limit=1":                    {arq1.String()},
		"?sort_key=project_id":                            {arq1.String(), arq2.String()},
		"?sort_key=instance_uuid":                         {arq1.String(), arq2.String()},
		"?sort_key=device_rp_uuid":                        {arq1.String(), arq2.String()},
		"?sort_key=device_profile_name":                   {arq1.String(), arq2.String()},
		"?state=Initial&bind_state=resolved":              nil,
		"?sort_key=state&marker=" + arq2.String():         {arq1.String()},
		"?sort_key=device_profile_group_id&sort_dir=desc": {arq1.String(), arq2.String()},
	} {
		checkNames(t, h.do("GET", "/v2/accelerator_requests"+query, ask{}), "arqs", "uuid", want)
	}
	h.do("GET", "/v2/accelerator_requests?sort_key=state&marker="+nobody, ask{}).fails(400, "marker")
}

// A page may end with an ARQ that another has changed before the next page is
// asked for.
func TestMarkersThatNoLongerMatchTheFilter(t *testing.T) {
	h := serve(t)
	arq3, foreign := uuid.UUID{1}, uuid.UUID{2}
	h.backend.arqs = []*actors.ARQ{boundARQ(arq3), boundARQ(foreign), initialARQ(arq1), boundARQ(arq2)}
	h.backend.arqs[0].UpdatedAt, h.backend.arqs[1].ProjectID = noon, "p-other"
	h.backend.queryARQs = func(actors.ARQQuery) (iter.Seq[*actors.ARQ], error) {
		return slices.Values([]*actors.ARQ{h.backend.arqs[0], h.backend.arqs[3]}), nil
	}
	for query, want := range map[string][]string{
		"updated_at&marker=" + arq1.String():               {arq3.String(), arq2.String()},
		"updated_at&limit=1&marker=" + arq1.String():       {arq3.String()},
		"updated_at&sort_dir=desc&marker=" + arq1.String(): nil,
		"project_id&marker=" + arq1.String():               {arq2.String()},
		"project_id&sort_dir=desc&marker=" + arq1.String(): {arq2.String()},
		"updated_at&marker=" + arq3.String():               {arq2.String()},
	} {
		path := "/v2/accelerator_requests?state=Bound&sort_key=" + query
		checkNames(t, h.do("GET", path, ask{as: "demo"}), "arqs", "uuid", want)
	}
	for _, marker := range []string{foreign.String(), nobody} {
		path := "/v2/accelerator_requests?sort_key=updated_at&marker=" + marker
		h.do("GET", path, ask{as: "demo"}).fails(400, "marker")
	}
}

func TestResolvedOfAnInstance(t *testing.T) {
	path := "/v2/accelerator_requests?bind_state=resolved&instance=" + instance.String()
	h := serve(t)
	h.do("GET", path, ask{as: "demo"}).gives(200, `{"arqs": []}`)
	h.backend.arqs = []*actors.ARQ{boundARQ(arq2)}
	h.do("GET", path, ask{as: "demo"}).gives(200, `{"arqs": [`+boundJSON+`]}`)
	h.backend.queries = nil
	h.backend.queryARQs = func(q actors.ARQQuery) (iter.Seq[*actors.ARQ], error) {
		if !q.Resolved || q.Instance != instance {
			t.Errorf("the backend got %+v", q)
		}
		return nil, actors.Refuse(actors.CodeUnresolved, "one is not")
	}
	got := h.do("GET", path, ask{as: "demo"})
	if n := len(h.backend.queries); n != 1 {
		t.Errorf("%d questions, which may be answered at different moments", n)
	}
	got.gives(423, `{"error_message": "null"}`)
	got.has("openstack-api-version", "accelerator 2.0")
	got.has("content-type", "application/json")
}

// manyARQs is as many ARQs as it takes for a list of at least size bytes.
func manyARQs(size int) []*actors.ARQ {
	var all []*actors.ARQ
	for sum := 0; sum < size; {
		a := boundARQ(uuid.UUID{1, 2, 3, byte(len(all) >> 16), byte(len(all) >> 8), byte(len(all))})
		all = append(all, a)
		sum += len(appendARQ(nil, a, []byte("http://arqd.test")))
	}
	return all
}

func TestLongListsAreStreamed(t *testing.T) {
	for name, tc := range map[string]struct {
		size     int
		query    string
		streamed bool
	}{
		"one body":                {keptBody / 2, "", false},
		"a body that is not kept": {keptBody * 2, "", false},
		"nearly a stream":         {streamFrom * 3 / 4, "", false},
		"a short stream":          {streamFrom + 10, "", true},
		"a long stream":           {streamFrom * 4, "", true},
		"of an instance":          {streamFrom * 2, "?instance=" + instance.String(), false},
		"sorted":                  {streamFrom * 8, "?sort_key=hostname", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t)
			h.backend.arqs = manyARQs(tc.size)
			for range 2 { // the second meets used buffers
				got := h.do("GET", "/v2/accelerator_requests"+tc.query, ask{})
				checkSameARQs(t, got.body, h.backend.arqs)
				if streamed := got.header["transfer-encoding"] == "chunked"; streamed != tc.streamed {
					t.Errorf("chunked: %v, want %v", streamed, tc.streamed)
				}
			}
		})
	}
}

// Chunks came with HTTP/1.1.
func TestLongListsForOldClients(t *testing.T) {
	h := serve(t)
	h.backend.arqs = manyARQs(streamFrom * 4)
	got := h.raw("GET /v2/accelerator_requests HTTP/1.0\r\nX-Auth-Token: admin\r\n\r\n")
	got.has("transfer-encoding", "")
	got.has("content-length", strconv.Itoa(len(got.body)))
	checkSameARQs(t, got.body, h.backend.arqs)
}

func checkSameARQs(t *testing.T, body string, want []*actors.ARQ) {
	t.Helper()
	list := struct {
		ARQs []struct {
			UUID uuid.UUID `json:"uuid"`
		} `json:"arqs"`
	}{}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.ARQs) != len(want) {
		t.Fatalf("%d ARQs, want %d", len(list.ARQs), len(want))
	}
	for i, a := range list.ARQs {
		if a.UUID != want[i].UUID {
			t.Fatalf("ARQ %d is %s, want %s", i, a.UUID, want[i].UUID)
		}
	}
}

func TestStreamForReadersWithoutWriteTo(t *testing.T) {
	all := manyARQs(3 * streamPiece)
	s := newARQStream([]byte("http://x"))
	s.next, s.stop = iter.Pull(slices.Values(all))
	got, err := io.ReadAll(struct{ io.Reader }{s})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	checkSameARQs(t, string(got), all)
}

// A stream that breaks must not look complete to the client.
func TestBrokenStreamIsNotAWholeAnswer(t *testing.T) {
	h := serve(t)
	h.backend.arqs = manyARQs(streamFrom * 2)
	h.backend.arqs[len(h.backend.arqs)-1].Group = nil // panics when rendered
	conn := h.dial()
	defer conn.Close()
	if _, err := conn.Write([]byte(ask{}.wire("GET", "/v2/accelerator_requests"))); err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(raw, []byte("HTTP/1.1 200")) || bytes.Contains(raw, []byte("\r\n0\r\n")) {
		t.Errorf("the answer ends as a complete one: ...%q", raw[max(0, len(raw)-80):])
	}
}
