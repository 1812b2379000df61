package keystone

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/arqd/arqd/http/auth"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// away makes Keystone answer nothing but the status, until back is called.
func (b *bench) away(status int) (back func()) {
	var isBack atomic.Bool
	refuse := func(w http.ResponseWriter) bool {
		if isBack.Load() {
			return false
		}
		if status == 0 { // not even that
			panic(http.ErrAbortHandler)
		}
		openstacktest.Refuse(w, status)
		return true
	}
	b.keystone.OnAuth(func(w http.ResponseWriter, _ *http.Request) bool { return refuse(w) })
	b.keystone.OnValidate(func(w http.ResponseWriter, _ *http.Request, _ string) bool { return refuse(w) })
	return func() { isBack.Store(true) }
}

func TestKeystoneAway(t *testing.T) {
	for _, status := range []int{0, 429, 500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			b := newBench(t)
			b.member("known", later())
			b.member("new", later())
			b.passes("known", "")
			b.fails(auth.ErrUnauthorized, "bad", "")
			back := b.away(status)
			for range 20 {
				b.passes("known", "")
				b.fails(auth.ErrUnavailable, "new", "")
				b.fails(auth.ErrUnauthorized, "bad", "")
				b.fails(auth.ErrUnavailable, "known", "new-service")
			}
			if !b.Stats().Away {
				t.Error("not counted as away")
			}
			b.clock.advance(time.Minute) // the cache time
			b.fails(auth.ErrUnavailable, "known", "")
			b.fails(auth.ErrUnavailable, "bad", "")
			back()
			b.clock.advance(2 * outagePause)
			b.passes("known", "")
			b.passes("new", "")
			b.fails(auth.ErrUnauthorized, "bad", "")
			b.logged("Keystone did not check a token", 2) // and again after more than sayAgain
			b.logged("Keystone checks tokens", 1)
		})
	}
}

// While nobody answers at all, one in a while waits for it and not everybody.
func TestAnOutageIsNotAskedAboutByEveryRequest(t *testing.T) {
	b := newBench(t)
	b.member("known", later())
	b.passes("known", "")
	back := b.away(0)
	for i := range 200 {
		b.fails(auth.ErrUnavailable, fmt.Sprintf("t%d", i), "")
	}
	asked := 0
	for i := range 200 {
		asked += b.keystone.Validations(fmt.Sprintf("t%d", i))
	}
	if asked > 6 { // one question and its retries, which net/http may repeat on old connections
		t.Errorf("asked %d times", asked)
	}
	back()
	b.clock.advance(2 * outagePause)
	b.member("t5", later())
	b.passes("t5", "")
}

// A token about which Keystone fails must not keep others out.
func TestAFailureAboutOneTokenIsNotAnOutage(t *testing.T) {
	b := newBench(t)
	b.member("good", later())
	b.keystone.OnValidate(func(w http.ResponseWriter, _ *http.Request, subject string) bool {
		if subject != "poison" {
			return false
		}
		openstacktest.Refuse(w, http.StatusInternalServerError)
		return true
	})
	b.fails(auth.ErrUnavailable, "poison", "")
	b.passes("good", "")
}

// Nor must one about which it never answers, or a failure that comes to light
// when others have been answered.
func TestAFailureAmongAnswersIsNotAnOutage(t *testing.T) {
	b := newBench(t)
	b.member("good", later())
	b.member("another", later())
	poison, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	b.keystone.OnValidate(func(_ http.ResponseWriter, _ *http.Request, subject string) bool {
		if subject == "poison" {
			once.Do(func() { close(poison) })
			<-release
			panic(http.ErrAbortHandler)
		}
		return false
	})
	var slow sync.WaitGroup
	slow.Go(func() { b.fails(auth.ErrUnavailable, "poison", "") })
	<-poison
	b.clock.advance(time.Millisecond)
	b.passes("good", "")
	close(release)
	slow.Wait()
	if b.Stats().Away {
		t.Error("taken for an outage")
	}
	b.passes("another", "")
	b.logged("Keystone did not check a token", 1)
}

func TestOwnCredentials(t *testing.T) {
	b := newBench(t)
	for i := range 5 {
		b.member(fmt.Sprintf("t%d", i), later())
	}
	b.passes("t0", "")
	b.keystone.RevokeIssued() // as at the end of our own token
	b.passes("t1", "")
	if n := len(b.keystone.Auths()); n != 2 {
		t.Errorf("%d authentications, want 2", n)
	}
	// A user who may not check tokens, and credentials that are refused.
	b.keystone.OnValidate(func(w http.ResponseWriter, _ *http.Request, _ string) bool { openstacktest.Refuse(w, 403); return true })
	b.fails(auth.ErrUnavailable, "t2", "")
	b.clock.advance(2 * outagePause)
	b.keystone.OnValidate(nil)
	b.keystone.RevokeIssued()
	b.keystone.OnAuth(func(w http.ResponseWriter, _ *http.Request) bool { openstacktest.Refuse(w, 401); return true })
	b.fails(auth.ErrUnavailable, "t3", "")
	b.logged(`cause="our own credentials"`, 1)
	b.passes("t0", "")
}

func TestMalformedAnswersAreNoPass(t *testing.T) {
	good := `"expires_at": "2100-01-01T00:00:00Z", "user": {"id": "u"}, "project": {"id": "p"}`
	for name, body := range map[string]string{
		"nothing":             ``,
		"HTML":                `<html>Welcome</html>`,
		"cut off":             `{"token": {` + good,
		"a list":              `[]`,
		"null":                `null`,
		"no token":            `{}`,
		"token null":          `{"token": null}`,
		"token a text":        `{"token": "yes"}`,
		"an empty token":      `{"token": {}}`,
		"no end":              `{"token": {"user": {"id": "u"}, "project": {"id": "p"}}}`,
		"end null":            `{"token": {"expires_at": null, "user": {"id": "u"}, "project": {"id": "p"}}}`,
		"end a number":        `{"token": {"expires_at": 4102444800, "user": {"id": "u"}, "project": {"id": "p"}}}`,
		"end a word":          `{"token": {"expires_at": "never", "user": {"id": "u"}, "project": {"id": "p"}}}`,
		"no user":             `{"token": {"expires_at": "2100-01-01T00:00:00Z", "project": {"id": "p"}}}`,
		"user without id":     `{"token": {"expires_at": "2100-01-01T00:00:00Z", "user": {"name": "u"}, "project": {"id": "p"}}}`,
		"user id a number":    `{"token": {"expires_at": "2100-01-01T00:00:00Z", "user": {"id": 7}, "project": {"id": "p"}}}`,
		"roles a text":        `{"token": {` + good + `, "roles": "admin"}}`,
		"a role a text":       `{"token": {` + good + `, "roles": ["admin"]}}`,
		"two scopes":          `{"token": {` + good + `, "system": {"all": true}, "roles": [{"name": "admin"}]}}`,
		"system a text":       `{"token": {` + good + `, "system": "all"}}`,
		"admin project text":  `{"token": {` + good + `, "is_admin_project": "True"}}`,
		"access rules a text": `{"token": {` + good + `, "application_credential": {"access_rules": "none"}}}`,
		"more than the token": `{"token": {` + good + `}} {"token": {}}`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.keystone.OnValidate(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
				fmt.Fprint(w, body)
				return true
			})
			b.fails(auth.ErrUnavailable, "t", "")
			if stats := b.Stats(); stats.Remembered > 0 {
				t.Errorf("%+v", stats)
			}
		})
	}
}

// Statuses that are no answer about the token are no refusal of it either.
func TestOtherStatuses(t *testing.T) {
	for status, want := range map[int]error{
		204: auth.ErrUnavailable, 300: auth.ErrUnavailable, 302: auth.ErrUnavailable,
		400: auth.ErrUnauthorized, 414: auth.ErrUnauthorized, 431: auth.ErrUnauthorized,
		403: auth.ErrUnavailable, 404: auth.ErrUnavailable, 405: auth.ErrUnavailable, 418: auth.ErrUnavailable,
	} {
		b := newBench(t)
		b.keystone.OnValidate(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			w.WriteHeader(status) // without Keystone's body
			return true
		})
		b.fails(want, "t", "")
	}
}

// The 404 of another service, or of a proxy, says nothing about the token.
func TestNotFoundOfAnother(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"detail": "no such page"}`, `{"error": {"code": 500}}`, `{"error": "no"}`} {
		b := newBench(t)
		b.keystone.OnValidate(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, body)
			return true
		})
		b.fails(auth.ErrUnavailable, "t", "")
	}
}

func TestSlowKeystone(t *testing.T) {
	b := newBench(t)
	b.member("known", later())
	b.member("slow", later())
	b.passes("known", "")
	release := make(chan struct{})
	b.keystone.OnValidate(func(_ http.ResponseWriter, _ *http.Request, subject string) bool {
		if subject == "slow" {
			<-release
		}
		return false
	})
	var waiting sync.WaitGroup
	for range 10 {
		waiting.Go(func() { b.passes("slow", "") })
	}
	for b.keystone.Validations("slow") == 0 {
		b.passes("known", "") // nobody waits who is known
	}
	b.member("other", later())
	b.passes("other", "")
	close(release)
	waiting.Wait()
	b.asked("slow", 1)
}

func TestAThousandRequestsWithOneNewTokenAskOnce(t *testing.T) {
	b := newBench(t)
	b.member("t", later())
	release := make(chan struct{})
	b.keystone.OnValidate(func(http.ResponseWriter, *http.Request, string) bool { <-release; return false })
	var begun, all sync.WaitGroup
	begun.Add(1000)
	for range 1000 {
		all.Go(func() {
			begun.Done()
			if _, err := b.validate("t", ""); err != nil {
				t.Error(err)
			}
		})
	}
	begun.Wait()
	close(release)
	all.Wait()
	b.asked("t", 1)
	if n := len(b.keystone.Auths()); n != 1 {
		t.Errorf("%d authentications", n)
	}
}

// An answer may come between the look into memory and the question.
func TestWhatIsKnownMeanwhileIsNotAsked(t *testing.T) {
	b := newBench(t)
	b.member("t", later())
	known := b.passes("t", "")
	got, err := b.ask(t.Context(), keyOf("t"), "t", false)
	if err != nil || &got.identity != known {
		t.Errorf("%v, %v", got, err)
	}
	b.asked("t", 1)
}

func TestWithoutAnEndpointInTheCatalogAuthURLDoes(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Region = "elsewhere" })
	b.member("t", later())
	b.passes("t", "")
	b.logged("tokens are checked at auth_url", 1)
}

func TestTheEndpointOfTheCatalogIsAsked(t *testing.T) {
	other := openstacktest.NewKeystone(t)
	for _, url := range []string{other.URL, other.URL + "/v3/", other.URL + "/v2.0"} {
		b := newBench(t, func(o *Options) { o.Interface, o.Region = "admin", "two" })
		b.keystone.SetCatalog(
			openstacktest.Endpoint{Type: "identity", Interface: "internal", Region: "two", URL: "http://127.0.0.1:1"},
			openstacktest.Endpoint{Type: "identity", Interface: "admin", Region: "one", URL: "http://127.0.0.1:1"},
			openstacktest.Endpoint{Type: "identity", Interface: "admin", Region: "two", URL: url},
		)
		other.OnValidate(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
			openstacktest.Describe(w, openstacktest.Token{Expires: later(), Body: map[string]any{
				"user": map[string]any{"id": "u"}, "project": openstacktest.Project("p"),
			}})
			return true
		})
		b.passes("t", "")
	}
}

// Neither log nor errors show tokens or the password, whatever happens.
func TestNothingShowsSecrets(t *testing.T) {
	b := newBench(t)
	const secret = "gAAAAA-the-secret-token"
	say := func(w http.ResponseWriter, status int, r *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error": {"code": %d, "message": "%s %s %s"}}`, status, secret, openstacktest.Password, r.Header)
	}
	for _, status := range []int{0, 200, 400, 401, 403, 404, 500} {
		b.keystone.OnValidate(func(w http.ResponseWriter, r *http.Request, _ string) bool {
			if status == 0 {
				panic(http.ErrAbortHandler)
			}
			say(w, status, r)
			return true
		})
		_, err := b.validate(fmt.Sprint(secret, status), fmt.Sprint(secret, "service", status))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("status %d: %v", status, err)
		}
		b.clock.advance(time.Hour)
	}
	b.keystone.OnAuth(func(w http.ResponseWriter, r *http.Request) bool { say(w, 401, r); return true })
	b.keystone.RevokeIssued()
	b.keystone.OnValidate(nil)
	b.fails(auth.ErrUnavailable, secret, "")
	text := b.log.String()
	for _, word := range []string{secret, openstacktest.Password, "issued-"} {
		if strings.Contains(text, word) {
			t.Errorf("the log shows %q:\n%s", word, text)
		}
	}
	if !strings.Contains(text, "req-of-the-double") && !strings.Contains(text, "status") {
		t.Errorf("the log does not say what happened:\n%s", text)
	}
}

// Many users, services, revocations and outages at once: run with -race.
func TestManyAtOnce(t *testing.T) {
	b := newBench(t, func(o *Options) { o.CacheTime = 5 * time.Second })
	b.service("nova", "service")
	for i := range 20 {
		b.member(fmt.Sprintf("t%d", i), later())
	}
	stop := make(chan struct{})
	var world, users sync.WaitGroup
	world.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			b.clock.advance(time.Second)
			b.keystone.Revoke(fmt.Sprintf("t%d", i%20))
			b.keystone.RevokeIssued()
			b.member(fmt.Sprintf("t%d", i%20), later())
		}
	})
	for g := range 8 {
		users.Go(func() {
			for i := range 300 {
				subject, service := fmt.Sprintf("t%d", (g+i)%20), ""
				if i%3 == 0 {
					service = "nova"
				}
				id, err := b.validate(subject, service)
				switch {
				case err != nil && !errors.Is(err, auth.ErrUnauthorized) && !errors.Is(err, auth.ErrUnavailable):
					t.Errorf("%v", err)
				case err == nil && (id.ProjectID != "p" || id.Service != (service != "")):
					t.Errorf("%+v", id)
				}
				if _, err := b.validate("never", service); err == nil {
					t.Error("an unknown token passes")
				}
			}
		})
	}
	users.Wait()
	close(stop)
	world.Wait()
}
