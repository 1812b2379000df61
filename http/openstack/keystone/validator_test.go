package keystone

import (
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/arqd/arqd/http/auth"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

func TestIdentities(t *testing.T) {
	type object = map[string]any
	someone := object{"id": "u", "name": "who", "domain": object{"id": "d1", "name": "Default"}}
	for name, c := range map[string]struct {
		members object
		want    auth.Identity
	}{
		"project": {
			object{"user": someone, "project": openstacktest.Project("p"), "is_domain": false, "roles": openstacktest.Roles("member", "reader")},
			auth.Identity{UserID: "u", UserDomainID: "d1", ProjectID: "p", ProjectDomainID: "default", Roles: []string{"member", "reader"}},
		},
		"domain": {
			object{"user": someone, "domain": object{"id": "d2", "name": "x"}, "roles": openstacktest.Roles("admin")},
			auth.Identity{UserID: "u", UserDomainID: "d1", DomainID: "d2", Roles: []string{"admin"}},
		},
		"system": {
			object{"user": someone, "system": object{"all": true}, "roles": openstacktest.Roles("admin")},
			auth.Identity{UserID: "u", UserDomainID: "d1", SystemScope: "all", Roles: []string{"admin"}},
		},
		"the administrators' project": {
			object{"user": someone, "project": openstacktest.Project("p"), "is_admin_project": true},
			auth.Identity{UserID: "u", UserDomainID: "d1", ProjectID: "p", ProjectDomainID: "default"},
		},
		"another than the administrators' project": {
			object{"user": someone, "project": openstacktest.Project("p"), "is_admin_project": false},
			auth.Identity{UserID: "u", UserDomainID: "d1", ProjectID: "p", ProjectDomainID: "default", NotAdminProject: true},
		},
		"a federated user": {
			object{"user": object{
				"id": "f", "domain": object{"id": nil, "name": "Federated"},
				"OS-FEDERATION": object{"groups": []any{}, "protocol": object{"id": "mapped"}},
			}, "project": openstacktest.Project("p"), "roles": openstacktest.Roles("reader")},
			auth.Identity{UserID: "f", ProjectID: "p", ProjectDomainID: "default", Roles: []string{"reader"}},
		},
		"an application credential without rules": {
			object{
				"user": someone, "project": openstacktest.Project("p"), "roles": openstacktest.Roles("reader"),
				"application_credential": object{"id": "a", "restricted": true},
			},
			auth.Identity{UserID: "u", UserDomainID: "d1", ProjectID: "p", ProjectDomainID: "default", Roles: []string{"reader"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.keystone.Add("t", later(), c.members)
			if got := b.passes("t", ""); !reflect.DeepEqual(*got, c.want) {
				t.Errorf("\n got %+v\nwant %+v", *got, c.want)
			}
		})
	}
}

func TestServiceTokens(t *testing.T) {
	b := newBench(t)
	b.member("user", later())
	b.service("nova", "admin", "service")
	b.service("no-service", "admin")
	b.keystone.Add("system", later(), map[string]any{"system": map[string]any{"all": true}, "roles": openstacktest.Roles("service")})
	want := auth.Identity{
		UserID: "u1", UserDomainID: "default", ProjectID: "p", ProjectDomainID: "default", Roles: []string{"member", "reader"},
		Service: true, ServiceUserID: "nova", ServiceUserDomainID: "default",
		ServiceProjectID: "service", ServiceProjectDomainID: "default", ServiceRoles: []string{"admin", "service"},
	}
	first := b.passes("user", "nova")
	if !reflect.DeepEqual(*first, want) {
		t.Errorf("\n got %+v\nwant %+v", *first, want)
	}
	if again := b.passes("user", "nova"); again != first {
		t.Error("the identity of the pair is not remembered")
	}
	if id := b.passes("user", "system"); !id.Service || id.ServiceProjectID != "" {
		t.Errorf("%+v", id)
	}
	if id := b.passes("user", ""); id.Service || id.ServiceUserID != "" || id.ServiceRoles != nil {
		t.Errorf("without its token the service is still there: %+v", id)
	}
	b.fails(auth.ErrServiceUnauthorized, "user", "unknown")
	b.fails(auth.ErrServiceUnauthorized, "user", "no-service")
	b.fails(auth.ErrServiceUnauthorized, "user", "nova\nnova")
	b.fails(auth.ErrUnauthorized, "", "nova")
	b.fails(auth.ErrUnauthorized, "unknown", "nova")
	b.asked("user", 1)
	b.asked("nova", 1)
}

func TestOtherServiceTokenRoles(t *testing.T) {
	b := newBench(t, func(o *Options) { o.ServiceTokenRoles = []string{"glue", "gum"} })
	b.member("user", later())
	b.service("plain", "service")
	b.service("gum", "gum")
	b.fails(auth.ErrServiceUnauthorized, "user", "plain")
	if id := b.passes("user", "gum"); !id.Service {
		t.Errorf("%+v", id)
	}
}

// With service_token_roles_required = false a valid service token without such
// a role is let through, and gives nothing.
func TestServiceTokensWithoutRole(t *testing.T) {
	b := newBench(t, func(o *Options) { o.AnyServiceToken = true })
	b.member("user", later())
	b.member("ended", time.Now().Add(-time.Minute))
	b.service("no-service", "admin")
	if id := b.passes("user", "no-service"); id.Service || id.ServiceUserID != "nova" {
		t.Errorf("%+v", id)
	}
	b.fails(auth.ErrServiceUnauthorized, "user", "unknown")
	b.fails(auth.ErrUnauthorized, "ended", "no-service") // nor does it let expired tokens pass
}

func TestRefusals(t *testing.T) {
	b := newBench(t)
	b.member("good", later())
	b.member("ended", time.Now().Add(-time.Second))
	b.keystone.Add("unscoped", later(), nil)
	b.keystone.Add("bound", later(), map[string]any{
		"project": openstacktest.Project("p"), "bind": map[string]any{"kerberos": "somebody"},
	})
	for _, subject := range []string{
		"", " ", "unknown", "ended", "unscoped", "bound",
		"good\ngood", "go od", "good\x00", "good\x7f", "gööd", strings.Repeat("x", longestToken+1),
	} {
		b.fails(auth.ErrUnauthorized, subject, "")
	}
	b.passes(" good\t", "") // blanks around it, as keystonemiddleware takes them
	if t.Failed() || b.Stats().Unavailable > 0 {
		t.Errorf("%+v", b.Stats())
	}
}

func TestAnswersAreRememberedForTheCacheTime(t *testing.T) {
	b := newBench(t)
	b.member("t", later())
	for range 5 {
		b.passes("t", "")
	}
	b.asked("t", 1)
	b.clock.advance(time.Minute - time.Second)
	b.passes("t", "")
	b.asked("t", 1)
	b.keystone.Revoke("t")
	b.clock.advance(time.Second)
	b.fails(auth.ErrUnauthorized, "t", "") // a revoked token is refused when the cache time is over
	b.asked("t", 2)
	b.fails(auth.ErrUnauthorized, "t", "")
	b.asked("t", 2)
	b.clock.advance(refusalTime)
	b.member("t", later())
	b.passes("t", "") // and one that came to be known is not refused for longer
	b.asked("t", 3)
}

func TestNothingIsRememberedBeyondTheTokensEnd(t *testing.T) {
	b := newBench(t)
	end := b.clock.Now().Add(20 * time.Second)
	b.member("t", end)
	b.passes("t", "")
	b.clock.advance(19 * time.Second)
	b.passes("t", "")
	b.asked("t", 1)
	b.clock.advance(time.Second)
	// Keystone's own clock is behind and takes it for good yet.
	b.fails(auth.ErrUnauthorized, "t", "")
	b.asked("t", 2)
}

// A token may end while Keystone answers.
func TestATokenThatEndsOnTheWay(t *testing.T) {
	b := newBench(t)
	b.member("t", time.Now().Add(10*time.Second))
	b.keystone.OnValidate(func(_ http.ResponseWriter, _ *http.Request, subject string) bool {
		if subject == "t" {
			b.clock.advance(11 * time.Second)
		}
		return false
	})
	b.fails(auth.ErrUnauthorized, "t", "")
	b.fails(auth.ErrUnauthorized, "t", "")
}

func TestCachingCanBeTurnedOff(t *testing.T) {
	b := newBench(t, func(o *Options) { o.CacheTime = -1 })
	b.member("t", later())
	for range 3 {
		b.passes("t", "")
		b.fails(auth.ErrUnauthorized, "unknown", "")
	}
	b.asked("t", 3)
	b.asked("unknown", 3)
	if n := b.Stats().Remembered; n > 0 {
		t.Errorf("%d answers are kept", n)
	}
	b.keystone.Revoke("t")
	b.fails(auth.ErrUnauthorized, "t", "")
}

// A service may go on with what a user asked for before the token ended. That
// is asked anew each time: nothing is remembered beyond a token's end.
func TestExpiredTokensWithAServiceToken(t *testing.T) {
	b := newBench(t)
	b.member("ended", time.Now().Add(-time.Minute))
	b.service("nova", "service")
	for range 2 {
		b.fails(auth.ErrUnauthorized, "ended", "")
		if id := b.passes("ended", "nova"); !id.Service || id.ProjectID != "p" {
			t.Errorf("%+v", id)
		}
	}
	b.asked("ended", 3) // refused once and remembered; allowed twice
	b.fails(auth.ErrServiceUnauthorized, "ended", "unknown")

	// An end that comes while the token is remembered.
	b.member("ending", time.Now().Add(5*time.Second))
	b.passes("ending", "nova")
	b.clock.advance(6 * time.Second)
	b.keystone.Add("ending", time.Now().Add(-time.Second), map[string]any{"project": openstacktest.Project("p")})
	b.fails(auth.ErrUnauthorized, "ending", "")
	b.passes("ending", "nova")

	// Beyond Keystone's window, or revoked, no service helps; and that is
	// remembered for both ways of asking.
	b.keystone.Revoke("ended")
	b.clock.advance(refusalTime)
	b.fails(auth.ErrUnauthorized, "ended", "nova")
	b.asked("ended", 4)
	b.fails(auth.ErrUnauthorized, "ended", "nova")
	b.fails(auth.ErrUnauthorized, "ended", "")
	b.asked("ended", 4)
}

// A question about a token as it is gives no answer for a service, also while
// both wait.
func TestTwoWaysOfAskingAtOnce(t *testing.T) {
	b := newBench(t)
	b.member("ended", time.Now().Add(-time.Minute))
	b.service("nova", "service")
	b.passes("ended", "nova") // knows the service token
	asked, release := make(chan struct{}), make(chan struct{})
	b.keystone.OnValidate(func(_ http.ResponseWriter, r *http.Request, _ string) bool {
		if r.URL.Query().Get("allow_expired") == "" {
			close(asked)
			<-release
		}
		return false
	})
	var user sync.WaitGroup
	user.Go(func() { b.fails(auth.ErrUnauthorized, "ended", "") })
	<-asked
	service := make(chan struct{})
	go func() {
		defer close(service)
		b.passes("ended", "nova")
	}()
	select {
	case <-service:
	case <-time.After(20 * time.Second):
		t.Error("the service waits for the user's answer")
	}
	close(release)
	user.Wait()
	<-service
}

// A service token itself must not have ended, whatever else comes along.
func TestExpiredServiceTokens(t *testing.T) {
	b := newBench(t)
	b.member("user", later())
	b.keystone.Add("nova", time.Now().Add(-time.Second), map[string]any{
		"project": openstacktest.Project("service"), "roles": openstacktest.Roles("service"),
	})
	b.fails(auth.ErrServiceUnauthorized, "user", "nova")
}
