package openstack

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nova is a service user with a password.
func nova(k *openstacktest.Keystone) Credentials {
	return Credentials{
		AuthType: AuthPassword, AuthURL: k.URL, Username: "nova", Password: openstacktest.Password,
		UserDomainName: "Default", ProjectName: "service", ProjectDomainID: "default",
	}
}

// quick retries soon, so that tests need not wait.
var quick = Connection{Retries: 3, Pause: time.Millisecond, Timeout: 10 * time.Second}

func session(t *testing.T, c Credentials, conn Connection) *Session {
	t.Helper()
	s, err := NewSession(c, conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

var identity = Service{Type: "identity"}

// check has Keystone check a token, which stands for any request to a service.
func check(t *testing.T, s *Session, subject string) error {
	t.Helper()
	client, err := s.Client(t.Context(), identity)
	if err != nil {
		return err
	}
	opts := &gophercloud.RequestOpts{MoreHeaders: map[string]string{"X-Subject-Token": subject}}
	_, err = client.Get(t.Context(), client.Endpoint+"auth/tokens", nil, opts) //nolint:bodyclose // gophercloud does
	return Explain(err)
}

func TestAuthenticationByEachKindOfCredentials(t *testing.T) {
	type object = map[string]any
	secret := openstacktest.Password
	for name, c := range map[string]struct {
		credentials Credentials
		want        object
	}{
		"names": {
			Credentials{
				AuthType: AuthPassword, Username: "nova", UserDomainName: "Default", Password: secret,
				ProjectName: "service", ProjectDomainID: "default",
			},
			object{
				"identity": object{"methods": []any{"password"}, "password": object{
					"user": object{"name": "nova", "domain": object{"name": "Default"}, "password": secret},
				}},
				"scope": object{"project": object{"name": "service", "domain": object{"id": "default"}}},
			},
		},
		"ids count before names": {
			Credentials{
				AuthType: AuthPassword, UserID: "u", Username: "nova", UserDomainName: "Default", Password: secret,
				ProjectID: "p", ProjectName: "service", ProjectDomainName: "Default",
			},
			object{
				"identity": object{"methods": []any{"password"}, "password": object{"user": object{"id": "u", "password": secret}}},
				"scope":    object{"project": object{"id": "p"}},
			},
		},
		"system scope": {
			Credentials{AuthType: AuthPassword, UserID: "u", Password: secret, SystemScope: SystemScopeAll},
			object{
				"identity": object{"methods": []any{"password"}, "password": object{"user": object{"id": "u", "password": secret}}},
				"scope":    object{"system": object{"all": true}},
			},
		},
		"application credential": {
			Credentials{
				AuthType: AuthApplicationCredential, ApplicationCredentialID: "ac", ApplicationCredentialSecret: secret,
				Username: "left over", ProjectName: "too",
			},
			object{"identity": object{
				"methods": []any{"application_credential"}, "application_credential": object{"id": "ac", "secret": secret},
			}},
		},
		"application credential by name": {
			Credentials{
				AuthType: AuthApplicationCredential, ApplicationCredentialName: "ac", ApplicationCredentialSecret: secret,
				Username: "nova", UserDomainID: "default",
			},
			object{"identity": object{
				"methods": []any{"application_credential"}, "application_credential": object{
					"name": "ac", "secret": secret, "user": object{"name": "nova", "domain": object{"id": "default"}},
				},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := openstacktest.NewKeystone(t)
			c.credentials.AuthURL = k.URL + "/v3/"
			s := session(t, c.credentials, quick)
			if _, err := s.Client(t.Context(), identity); err != nil {
				t.Fatal(err)
			}
			if got := k.Auths(); len(got) != 1 || !reflect.DeepEqual(got[0]["auth"], any(c.want)) {
				t.Errorf("sent %v, want %v", got, c.want)
			}
		})
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for want, c := range map[string]Credentials{
		"auth_url, password, username, user_domain_name, project_name, project_domain_name must be set": {AuthType: AuthPassword},
		"auth_url must be set":                              {AuthType: AuthPassword, UserID: "u", Password: "p", ProjectID: "p"},
		"project_domain_name must be set":                   {AuthType: AuthPassword, AuthURL: "http://k", UserID: "u", Password: "p", ProjectName: "p"},
		"application_credential_secret must be set":         {AuthType: AuthApplicationCredential, AuthURL: "http://k", ApplicationCredentialID: "a"},
		"application_credential_secret, username, user_dom": {AuthType: AuthApplicationCredential, AuthURL: "http://k", ApplicationCredentialName: "a"},
		"application_credential_id":                         {AuthType: AuthApplicationCredential, AuthURL: "http://k"},
	} {
		if _, err := NewSession(c, quick); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestKeystoneIsFoundWithAndWithoutVersion(t *testing.T) {
	for url, want := range map[string]string{
		"http://k:5000":              "http://k:5000/v3/",
		"http://k:5000/":             "http://k:5000/v3/",
		"http://k:5000/v3":           "http://k:5000/v3/",
		"http://k:5000/v3/":          "http://k:5000/v3/",
		"http://k:5000/v2.0":         "http://k:5000/v3/",
		"https://k/identity":         "https://k/identity/v3/",
		"https://k/identity/v3":      "https://k/identity/v3/",
		"http://[fd00::1]:5000/v3":   "http://[fd00::1]:5000/v3/",
		"https://k/a/deep/place/v3/": "https://k/a/deep/place/v3/",
	} {
		s := session(t, Credentials{AuthType: AuthPassword, AuthURL: url, UserID: "u", Password: "p", ProjectID: "p"}, quick)
		if got := s.IdentityURL(); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

func TestOneTokenServesUntilItsEnd(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	k.Add("t", time.Now().Add(time.Hour), nil)
	s := session(t, nova(k), quick)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := check(t, s, "t"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(k.Auths()); n > 3 { // some may have begun before they saw another's end
		t.Errorf("%d authentications", n)
	}
	before := len(k.Auths())
	if err := check(t, s, "t"); err != nil || len(k.Auths()) != before {
		t.Errorf("%d authentications, %v", len(k.Auths()), err)
	}
}

func TestATokenIsRenewedBeforeItsEnd(t *testing.T) {
	st := &standing{got: time.Unix(1000, 0), expires: time.Unix(4600, 0)}
	for at, want := range map[int64]bool{1000: true, 4569: true, 4570: false, 4600: false} {
		if got := st.fresh(time.Unix(at, 0)); got != want {
			t.Errorf("a token of an hour at %d: fresh %v", at, got)
		}
	}
	short := &standing{got: time.Unix(1000, 0), expires: time.Unix(1008, 0)}
	for at, want := range map[int64]bool{1005: true, 1006: false} {
		if got := short.fresh(time.Unix(at, 0)); got != want {
			t.Errorf("a token of eight seconds at %d: fresh %v", at, got)
		}
	}
	if (*standing)(nil).fresh(time.Now()) {
		t.Error("no token is fresh")
	}
}

func TestAnEndedOrRefusedTokenIsReplaced(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	k.Add("t", time.Now().Add(time.Hour), nil)
	s := session(t, nova(k), quick)
	for i := range 3 {
		if err := check(t, s, "t"); err != nil {
			t.Fatal(err)
		}
		if n := len(k.Auths()); n != i+1 {
			t.Errorf("round %d: %d authentications", i, n)
		}
		k.RevokeIssued()
	}
}

func TestRefusedCredentialsAreNotSentAgainAtOnce(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	c := nova(k)
	c.Password = "wrong-password"
	s := session(t, c, quick)
	for range 20 {
		_, err := s.Client(t.Context(), identity)
		if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "password nova") {
			t.Fatalf("%v", err)
		}
	}
	if n := len(k.Auths()); n != 1 {
		t.Errorf("%d authentications", n)
	}
}

func TestWaitAfterRefusalsGrowsAndEnds(t *testing.T) {
	var r refusal
	refused := &StatusError{Status: http.StatusUnauthorized}
	for _, want := range []float64{1, 2, 4, 8, 16, 30, 30} {
		_ = r.note(Credentials{}, refused)
		if r.wait.Seconds() != want || r.recent(time.Now()) == nil || r.recent(time.Now().Add(r.wait)) != nil {
			t.Errorf("waits %v, want %v s", r.wait, want)
		}
	}
	r = refusal{}
	if err := r.note(Credentials{}, &StatusError{Status: 503}); !errors.Is(err, ErrUnreachable) || r.recent(time.Now()) != nil {
		t.Errorf("503 is taken for a refusal: %v", err)
	}
}

func TestAnOldTokenDoesWhileNoNewOneCanBeHad(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	k.SetLife(4 * time.Second) // to be renewed after three
	k.Add("t", time.Now().Add(time.Hour), nil)
	s := session(t, nova(k), quick)
	if err := check(t, s, "t"); err != nil {
		t.Fatal(err)
	}
	k.OnAuth(func(w http.ResponseWriter, _ *http.Request) bool { openstacktest.Refuse(w, 503); return true })
	st := *s.current.Load()
	st.got, st.expires = time.Now().Add(-time.Hour), time.Now().Add(20*time.Second)
	s.current.Store(&st)
	if err := check(t, s, "t"); err != nil {
		t.Errorf("with a token that is good yet: %v", err)
	}
	st.expires = time.Now().Add(-time.Second)
	s.current.Store(&st)
	if err := check(t, s, "t"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("with a token that has ended: %v", err)
	}
}

func TestRetries(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		status int
		calls  int64
		passes bool // the second attempt is answered well
	}{
		"busy, once":                {"GET", 503, 2, true},
		"too many, once":            {"GET", 429, 2, true},
		"failing, once":             {"GET", 500, 2, true},
		"failing for good":          {"GET", 500, 4, false},
		"reading what is not there": {"GET", 404, 1, false},
		"changing is not repeated":  {"POST", 503, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if n := calls.Add(1); n > 1 && c.passes {
					_, _ = io.WriteString(w, `{}`)
					return
				}
				openstacktest.Refuse(w, c.status)
			}))
			defer other.Close()
			k := openstacktest.NewKeystone(t)
			s := session(t, nova(k), quick)
			client, err := s.Client(t.Context(), Service{Type: "compute", Override: other.URL})
			if err != nil {
				t.Fatal(err)
			}
			opts := &gophercloud.RequestOpts{OkCodes: []int{200}}
			_, err = client.Request(t.Context(), c.method, client.Endpoint, opts) //nolint:bodyclose // gophercloud does
			err = Explain(err)
			if (err == nil) != c.passes || calls.Load() != c.calls {
				t.Errorf("%d calls, want %d: %v", calls.Load(), c.calls, err)
			}
			if err != nil && errors.Is(err, ErrUnreachable) != passing(c.status) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestPauseGrowsByChanceAndHeedsRetryAfter(t *testing.T) {
	s := &Session{connection: Connection{Pause: 100 * time.Millisecond}}
	for failures, base := range map[uint]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 40: longestPause,
	} {
		for range 200 {
			if got := s.pause(failures, errTooLong); got < base/2 || got > min(base*3/2, longestPause) {
				t.Errorf("after %d failures %v, want about %v", failures, got, base)
			}
		}
	}
	for seconds, want := range map[string]time.Duration{"2": 2 * time.Second, "3600": longestPause} {
		err := gophercloud.ErrUnexpectedResponseCode{Actual: 429, ResponseHeader: http.Header{"Retry-After": {seconds}}}
		if got := s.pause(1, err); got != want {
			t.Errorf("Retry-After %s: %v", seconds, got)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	s := session(t, nova(k), quick)
	k.Close()
	if _, err := s.Client(t.Context(), identity); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestSlowAnswersAreCutOff(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	release := make(chan struct{})
	defer close(release)
	k.OnAuth(func(http.ResponseWriter, *http.Request) bool { <-release; return true })
	s := session(t, nova(k), Connection{Timeout: 50 * time.Millisecond})
	if _, err := s.Client(t.Context(), identity); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

func TestMalformedAuthentications(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"no JSON": func(w http.ResponseWriter) {
			w.Header().Set("X-Subject-Token", "x")
			w.WriteHeader(201)
			fmt.Fprint(w, "<html>")
		},
		"cut off": func(w http.ResponseWriter) {
			w.Header().Set("X-Subject-Token", "x")
			w.WriteHeader(201)
			fmt.Fprint(w, `{"token": {`)
		},
		"nothing": func(w http.ResponseWriter) { w.WriteHeader(201) },
		"no token": func(w http.ResponseWriter) {
			w.WriteHeader(201)
			fmt.Fprint(w, `{"token": {"expires_at": "2100-01-01T00:00:00Z"}}`)
		},
		"no end": func(w http.ResponseWriter) {
			w.Header().Set("X-Subject-Token", "x")
			w.WriteHeader(201)
			fmt.Fprint(w, `{"token": {}}`)
		},
		"no such time": func(w http.ResponseWriter) {
			w.Header().Set("X-Subject-Token", "x")
			w.WriteHeader(201)
			fmt.Fprint(w, `{"token": {"expires_at": "soon"}}`)
		},
		"too long": func(w http.ResponseWriter) {
			w.WriteHeader(201)
			fmt.Fprint(w, `{"token": {"x": "`+strings.Repeat("x", 5000)+`"}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := openstacktest.NewKeystone(t)
			k.OnAuth(func(w http.ResponseWriter, _ *http.Request) bool { answer(w); return true })
			s := session(t, nova(k), Connection{Pause: time.Millisecond, MaxBody: 4000})
			_, err := s.Client(t.Context(), identity)
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnreachable) {
				t.Errorf("%v", err)
			}
			if s.current.Load() != nil {
				t.Error("it is believed")
			}
		})
	}
}

func TestTokensDoNotFollowRedirects(t *testing.T) {
	var leaked atomic.Int64
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked.Add(1) }))
	defer foreign.Close()
	k := openstacktest.NewKeystone(t)
	k.OnValidate(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		http.Redirect(w, r, strings.Replace(foreign.URL, "127.0.0.1", "localhost", 1), http.StatusTemporaryRedirect)
		return true
	})
	s := session(t, nova(k), quick)
	if err := check(t, s, "t"); !errors.Is(err, errElsewhere) {
		t.Errorf("%v", err)
	}
	if leaked.Load() != 0 || k.Validations("t") != 1 {
		t.Errorf("%d requests went elsewhere, %d were repeated", leaked.Load(), k.Validations("t")-1)
	}
}

// Whatever fails, the error shows neither password nor token nor what a
// service echoes.
func TestErrorsShowNoSecrets(t *testing.T) {
	const subject = "the-token-of-a-user"
	echo := func(status int) func(w http.ResponseWriter, r *http.Request, subject string) bool {
		return func(w http.ResponseWriter, r *http.Request, subject string) bool {
			w.WriteHeader(status)
			fmt.Fprint(w, subject, r.Header, openstacktest.Password)
			return true
		}
	}
	for _, status := range []int{400, 401, 403, 404, 429, 500, 503} {
		k := openstacktest.NewKeystone(t)
		k.OnValidate(echo(status))
		s := session(t, nova(k), Connection{Pause: time.Millisecond})
		err := check(t, s, subject)
		if err == nil {
			t.Fatalf("status %d is no error", status)
		}
		for _, secret := range []string{subject, openstacktest.Password, "issued-"} {
			if text := fmt.Sprintf("%v %+v %v %+v", err, err, s.credentials, &s.credentials); strings.Contains(text, secret) {
				t.Errorf("status %d: %s", status, text)
			}
		}
	}
}
