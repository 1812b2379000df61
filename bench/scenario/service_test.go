package scenario

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/bench/rest"
)

// TestMain lets be what a client of fasthttp leaves for its last seconds.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"))
}

// service answers creates, lists and deletes as the API does, and misbehaves
// where a test has it so. That the scenarios work with a real one is shown in
// the test room.
type service struct {
	*httptest.Server

	mu       sync.Mutex
	profiles map[string]bool
	arqs     map[uuid.UUID]string // profile
	bound    map[uuid.UUID]string // instance
	handles  int                  // of the only device
	posts    int
	// spoil, if set, may answer a request itself; it is called with what
	// carries the request out.
	spoil func(w http.ResponseWriter, r *http.Request, carryOut func())
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{profiles: map[string]bool{}, arqs: map[uuid.UUID]string{}, bound: map[uuid.UUID]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.spoil == nil {
			s.serve(w, r)
			return
		}
		s.spoil(w, r, func() { s.serve(w, r) })
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := r.URL.Query()
	switch r.Method + " " + r.URL.Path {
	case "POST /v2/device_profiles":
		var body []struct{ Name string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.profiles[body[0].Name] = true
		answer(w, 201, nil)
	case "POST /v2/accelerator_requests":
		s.create(w, r)
	case "GET /v2/accelerator_requests":
		s.list(w, query)
	case "PATCH /v2/accelerator_requests":
		s.bind(w, r)
	case "DELETE /v2/accelerator_requests":
		if query.Has("instance") {
			s.removeOf(w, query.Get("instance"))
			return
		}
		s.remove(w, strings.Split(query.Get("arqs"), ","))
	case "GET /v2/devices":
		answer(w, 200, map[string]any{"devices": []map[string]string{{"hostname": "host"}}})
	case "GET /v2/deployables":
		answer(w, 200, map[string]any{"deployables": []map[string]any{{
			"name": "host_1", "rp_uuid": uuid.NewString(), "num_accelerators": s.handles, "attributes_list": `[{"rc": "FPGA"}]`,
		}}})
	case "GET /v2/device_profiles":
		list := []map[string]string{}
		for name := range s.profiles {
			list = append(list, map[string]string{"name": name})
		}
		answer(w, 200, map[string]any{"device_profiles": list})
	case "DELETE /v2/device_profiles":
		s.removeProfile(w, query.Get("value"))
	default:
		answer(w, 404, nil)
	}
}

func (s *service) create(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Name string `json:"device_profile_name"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	s.posts++
	id := uuid.New()
	s.arqs[id] = body.Name
	answer(w, 201, map[string]any{"arqs": []map[string]string{{"uuid": id.String()}}})
}

// list knows no pages, as the reference does not.
func (s *service) list(w http.ResponseWriter, query url.Values) {
	if query.Has("limit") {
		answer(w, 400, nil)
		return
	}
	list := []map[string]string{}
	for id, profile := range s.arqs {
		if !query.Has("instance") || s.bound[id] == query.Get("instance") {
			list = append(list, map[string]string{
				"uuid": id.String(), "device_profile_name": profile, "instance_uuid": s.bound[id], "state": "Bound",
			})
		}
	}
	answer(w, 200, map[string]any{"arqs": list})
}

func (s *service) bind(w http.ResponseWriter, r *http.Request) {
	var body map[uuid.UUID][]struct{ Path, Value string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	for id, patch := range body {
		for _, p := range patch {
			if p.Path == "/instance_uuid" {
				s.bound[id] = p.Value
			}
		}
	}
	answer(w, 202, nil)
}

// removeOf removes what an instance has, which may be nothing.
func (s *service) removeOf(w http.ResponseWriter, instance string) {
	for id, of := range s.bound {
		if of == instance {
			delete(s.arqs, id)
			delete(s.bound, id)
		}
	}
	answer(w, 204, nil)
}

func (s *service) remove(w http.ResponseWriter, ids []string) {
	for _, id := range ids {
		if _, there := s.arqs[uuid.MustParse(id)]; !there {
			answer(w, 404, nil)
			return
		}
	}
	for _, id := range ids {
		delete(s.arqs, uuid.MustParse(id))
	}
	answer(w, 204, nil)
}

func (s *service) removeProfile(w http.ResponseWriter, name string) {
	for _, used := range s.arqs {
		if used == name {
			answer(w, 409, nil)
			return
		}
	}
	delete(s.profiles, name)
	answer(w, 204, nil)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(w).Encode(body)
	}
}

// left fails the test unless so many ARQs and profiles are there.
func (s *service) left(t *testing.T, arqs, profiles int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.arqs) != arqs || len(s.profiles) != profiles {
		t.Errorf("%d ARQs and %d profiles are left, want %d and %d", len(s.arqs), len(s.profiles), arqs, profiles)
	}
}

// options of a short create.
func (s *service) options(t *testing.T) *Options {
	t.Helper()
	client, err := rest.New(rest.Options{URL: s.URL + "/v2", Timeout: 30 * time.Second, Connections: 64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &Options{
		Name: "create", Client: client, Count: 50, Repeat: 2, Concurrency: 4, ARQs: 1, Page: 10,
		Class: "FPGA", BindTime: time.Minute, CleanupLimit: time.Minute,
	}
}

func refuse(w http.ResponseWriter, status int) { http.Error(w, fmt.Sprint("no: ", status), status) }
