package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// request is a HeaderSource.
type request struct {
	headers  map[string]string
	peer     netip.Addr
	verified bool
}

func (r *request) Header(name string) string { return r.headers[name] }
func (r *request) Peer() netip.Addr          { return r.peer }
func (r *request) PeerVerified() bool        { return r.verified }
func (r *request) Method() string            { return "GET" }
func (r *request) Path() string              { return "/v2/devices" }

var loopback = netip.MustParseAddr("127.0.0.1")

// from gives a good request of a user, changed by "Name: value" lines; a value
// of "-" takes the header away.
func from(changes ...string) *request {
	r := &request{peer: loopback, headers: map[string]string{
		"X-Identity-Status": "Confirmed", "X-Auth-Token": "t", "X-User-Id": "u1", "X-Project-Id": "p1", "X-Roles": "member,reader",
	}}
	for _, c := range changes {
		name, value, _ := strings.Cut(c, ": ")
		if r.headers[name] = value; value == "-" {
			delete(r.headers, name)
		}
	}
	return r
}

func service(roles string, changes ...string) *request {
	return from(append([]string{
		"X-Service-Token: s", "X-Service-Identity-Status: Confirmed",
		"X-Service-User-Id: su", "X-Service-Project-Id: sp", "X-Service-Roles: " + roles,
	}, changes...)...)
}

func TestHeadersAccepted(t *testing.T) {
	user := func(change func(*Identity)) *Identity {
		id := &Identity{UserID: "u1", ProjectID: "p1", Roles: []string{"member", "reader"}}
		change(id)
		return id
	}
	for _, c := range []struct {
		name string
		r    *request
		want *Identity
	}{
		{"user", from(), user(func(*Identity) {})},
		{"domains", from("X-User-Domain-Id: d1", "X-Project-Domain-Id: d2"), user(func(id *Identity) {
			id.UserDomainID, id.ProjectDomainID = "d1", "d2"
		})},
		{"domain scope", from("X-Project-Id: -", "X-Domain-Id: d3"), user(func(id *Identity) { id.ProjectID, id.DomainID = "", "d3" })},
		{"system scope", from("X-Project-Id: -", "Openstack-System-Scope: all"), user(func(id *Identity) {
			id.ProjectID, id.SystemScope = "", "all"
		})},
		{"the administrators' project", from("X-Is-Admin-Project: True"), user(func(*Identity) {})},
		{"another than the administrators' project", from("X-Is-Admin-Project: False"), user(func(id *Identity) { id.NotAdminProject = true })},
		{"blanks in roles", from("X-Roles:  admin , , member,"), user(func(id *Identity) { id.Roles = []string{"admin", "member"} })},
		{"no roles", from("X-Roles: -"), user(func(id *Identity) { id.Roles = nil })},
		{"no token of its own", from("X-Auth-Token: -"), user(func(*Identity) {})},
		{"service", service("x, service"), user(func(id *Identity) {
			id.Service, id.ServiceUserID, id.ServiceProjectID, id.ServiceRoles = true, "su", "sp", []string{"x", "service"}
		})},
		{"domains of the service", service("service", "X-Service-User-Domain-Id: d4", "X-Service-Project-Domain-Id: d5"), user(func(id *Identity) {
			id.Service, id.ServiceUserID, id.ServiceProjectID, id.ServiceRoles = true, "su", "sp", []string{"service"}
			id.ServiceUserDomainID, id.ServiceProjectDomainID = "d4", "d5"
		})},
		{"service without its token", service("service", "X-Service-Token: -"), user(func(id *Identity) {
			id.Service, id.ServiceUserID, id.ServiceProjectID, id.ServiceRoles = true, "su", "sp", []string{"service"}
		})},
		{"service roles alone are nothing", from("X-Service-Roles: service"), user(func(*Identity) {})},
	} {
		v := NewHeaders(nil)
		first, err := v.Validate(t.Context(), c.r)
		if err != nil || !reflect.DeepEqual(first, c.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", c.name, err, first, c.want)
			continue
		}
		if again, err := v.Validate(t.Context(), c.r); err != nil || again != first {
			t.Errorf("%s: not remembered: %p %p %v", c.name, first, again, err)
		}
	}
}

func TestHeadersRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *request
		want error
		text string
	}{
		{"nothing", &request{peer: loopback}, ErrUnauthorized, "X-Identity-Status"},
		{"token only", &request{peer: loopback, headers: map[string]string{"X-Auth-Token": "t"}}, ErrUnauthorized, "X-Identity-Status"},
		{"status Invalid", from("X-Identity-Status: Invalid"), ErrUnauthorized, "X-Identity-Status"},
		{"status in another case", from("X-Identity-Status: confirmed"), ErrUnauthorized, "X-Identity-Status"},
		{"no user", from("X-User-Id: -"), ErrUnauthorized, "X-User-Id"},
		{"no scope", from("X-Project-Id: -"), ErrUnauthorized, "X-Project-Id"},
		{"two scopes", from("X-Domain-Id: d"), ErrUnauthorized, "X-Domain-Id"},
		{"part of the system", from("X-Project-Id: -", "Openstack-System-Scope: some"), ErrUnauthorized, "System-Scope"},
		{"project twice", from("X-Project-Id: p1\np2"), ErrUnauthorized, "repeated"},
		{"roles twice", from("X-Roles: member\nadmin"), ErrUnauthorized, "repeated"},
		{"delete character", from("X-User-Id: u\x7f"), ErrUnauthorized, "control"},
		{"service token only", from("X-Service-Token: s"), ErrServiceUnauthorized, "X-Service-Identity-Status"},
		{"service Invalid", service("service", "X-Service-Identity-Status: Invalid"), ErrServiceUnauthorized, "X-Service-Identity-Status"},
		{"service Invalid, no token", from("X-Service-Identity-Status: Invalid"), ErrServiceUnauthorized, "X-Service-Identity-Status"},
		{"service without role", service("admin,member"), ErrServiceUnauthorized, "X-Service-Roles"},
		{"service role in another case", service("Service"), ErrServiceUnauthorized, "X-Service-Roles"},
		{"no user, good service", service("service", "X-Identity-Status: -"), ErrUnauthorized, "X-Identity-Status"},
	} {
		v := NewHeaders(nil)
		for range 2 {
			id, err := v.Validate(t.Context(), c.r)
			if id != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v, %v; want %v naming %s", c.name, id, err, c.want, c.text)
			}
		}
	}
}

func TestHeadersByPeer(t *testing.T) {
	for _, c := range []struct {
		peer     string
		verified bool
		believed bool
	}{
		{"127.0.0.1", false, true},
		{"127.8.9.1", false, true},
		{"::1", false, true},
		{"::ffff:127.0.0.1", false, true},
		{"10.0.0.1", false, false},
		{"::ffff:10.0.0.1", false, false},
		{"0.0.0.0", false, false},
		{"", false, false},
		{"10.0.0.1", true, true},
		{"", true, true},
	} {
		v, r := NewHeaders(nil), from()
		if _, err := v.Validate(t.Context(), r); err != nil { // the cache knows these headers now
			t.Fatal(err)
		}
		if r.peer, r.verified = (netip.Addr{}), c.verified; c.peer != "" {
			r.peer = netip.MustParseAddr(c.peer)
		}
		_, err := v.Validate(t.Context(), r)
		if believed := err == nil; believed != c.believed || (!believed && !errors.Is(err, ErrPeerRefused)) {
			t.Errorf("peer %q, verified %v: %v", c.peer, c.verified, err)
		}
	}
}

func TestServiceTokenRoles(t *testing.T) {
	v := NewHeaders([]string{"glue", "nova"})
	for roles, want := range map[string]bool{"service": false, "nova": true, "x,glue": true, "": false} {
		id, err := v.Validate(t.Context(), service(roles))
		if got := err == nil && id.Service; got != want {
			t.Errorf("service roles %q: %v, %v", roles, got, err)
		}
	}
}

// The strings of a HeaderSource may change once Validate has returned.
func TestIdentityOutlivesTheRequest(t *testing.T) {
	raw := []byte("u1")
	r := service("service")
	want := *mustValidate(t, NewHeaders(nil), r)
	v := NewHeaders(nil)
	src := &unsafeRequest{request: r, user: raw}
	got := mustValidate(t, v, src)
	copy(raw, "xx")
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("the identity changed with the request: %+v", got)
	}
}

func mustValidate(t *testing.T, v Validator, r HeaderSource) *Identity {
	t.Helper()
	id, err := v.Validate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestCacheKeysDoNotMix(t *testing.T) {
	// The same bytes in a row, cut at other places.
	a := from("X-User-Id: ab", "X-Project-Id: c")
	b := from("X-User-Id: a", "X-Project-Id: bc")
	v := NewHeaders(nil)
	for range 2 {
		if id := mustValidate(t, v, a); id.UserID != "ab" || id.ProjectID != "c" {
			t.Errorf("a: %+v", id)
		}
		if id := mustValidate(t, v, b); id.UserID != "a" || id.ProjectID != "bc" {
			t.Errorf("b: %+v", id)
		}
	}
}

func TestCacheIsBoundedAndShared(t *testing.T) {
	v := NewHeaders(nil)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 3 * cacheSlots {
				user := fmt.Sprintf("u%d-%d", g%2, i) // two goroutines ask for the same
				id, err := v.Validate(t.Context(), from("X-User-Id: "+user))
				if err != nil || id.UserID != user {
					t.Errorf("%s: %v, %v", user, id, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got := len(v.cache.slots); got != cacheSlots {
		t.Errorf("%d slots", got)
	}
	long := from("X-Roles: " + strings.Repeat("r,", maxCacheKey))
	if first, again := mustValidate(t, v, long), mustValidate(t, v, long); first == again {
		t.Error("a key beyond the limit is kept")
	}
}

func TestNone(t *testing.T) {
	id := mustValidate(t, None{}, &request{})
	if !id.IsAdmin() || !id.Service || id.UserID != "admin" || id.ProjectID != "admin" {
		t.Errorf("%+v", id)
	}
	for _, c := range access {
		if !defaultsOf(t, SetNew).Enforce(c.rule, own(id), id) {
			t.Errorf("%s is refused", c.rule)
		}
	}
}

func TestIsAdmin(t *testing.T) {
	for roles, want := range map[string]bool{"admin": true, "member,admin": true, "Admin": false, "administrator": false, "": false} {
		if got := (&Identity{Roles: splitRoles(roles)}).IsAdmin(); got != want {
			t.Errorf("%q: %v", roles, got)
		}
	}
}

func TestLongIDsAreRefused(t *testing.T) {
	for _, name := range []string{"X-User-Id", "X-Project-Id", "X-Roles"} {
		for length, ok := range map[int]bool{255: true, 5000: false} {
			r := from(name + ": " + strings.Repeat("x", length))
			if _, err := NewHeaders([]string{"service"}).Validate(t.Context(), r); (err == nil) != ok {
				t.Errorf("%s of %d characters: %v", name, length, err)
			}
		}
	}
}
