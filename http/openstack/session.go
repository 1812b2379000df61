package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"
)

const (
	authLimit     = 30 * time.Second // for one authentication, retries and all
	renewalMargin = 30 * time.Second // a token is renewed that long before it ends
	longestWait   = 30 * time.Second // between attempts after credentials were refused
)

// Session is one service user's standing with Keystone. It may be used by any
// number of goroutines.
type Session struct {
	credentials Credentials
	connection  Connection
	identityURL string // ends in /v3/
	tokenURL    string

	http      *http.Client
	anonymous *gophercloud.ProviderClient // authenticates
	provider  *gophercloud.ProviderClient // carries the token
	current   atomic.Pointer[standing]
	refusal   refusal

	lifetime context.Context
	end      context.CancelFunc
}

// standing is what one authentication gave.
type standing struct {
	token   string
	got     time.Time
	expires time.Time
	catalog *tokens.ServiceCatalog
}

// fresh tells whether the token will last for a while yet: a short one is
// renewed when three quarters of its time are over.
func (st *standing) fresh(now time.Time) bool {
	return st != nil && now.Add(min(renewalMargin, st.expires.Sub(st.got)/4)).Before(st.expires)
}

// NewSession makes a session; it reads certificates and asks nobody.
func NewSession(credentials Credentials, connection Connection) (*Session, error) {
	if err := credentials.Check(); err != nil {
		return nil, err
	}
	base, err := utils.BaseEndpoint(credentials.AuthURL)
	if err != nil {
		return nil, fmt.Errorf("auth_url: %w", err)
	}
	s := &Session{
		credentials: credentials, connection: connection.withDefaults(),
		identityURL: gophercloud.NormalizeURL(base) + "v3/",
	}
	s.tokenURL = s.identityURL + "auth/tokens"
	if s.http, err = s.connection.client(); err != nil {
		return nil, err
	}
	s.lifetime, s.end = context.WithCancel(context.Background())
	s.anonymous, s.provider = s.newProvider(), s.newProvider()
	s.provider.ReauthFunc = s.authenticate
	return s, nil
}

func (s *Session) newProvider() *gophercloud.ProviderClient {
	p := &gophercloud.ProviderClient{HTTPClient: *s.http, RetryFunc: s.retry}
	p.UserAgent.Prepend("arqd")
	p.UseTokenLock()
	return p
}

// Close ends authentications under way and idle connections.
func (s *Session) Close() {
	s.end()
	s.http.CloseIdleConnections()
}

// IdentityURL is Keystone's API version 3 as the credentials name it, with a
// slash at the end.
func (s *Session) IdentityURL() string { return s.identityURL }

// Client gives a client for a service: its requests carry a token, a new one
// when the old is refused, and are retried where that is safe. Put errors of
// the client through Explain. Get it for each piece of work anew: it costs a
// look into the catalog.
func (s *Session) Client(ctx context.Context, service Service) (*gophercloud.ServiceClient, error) {
	if err := s.ensure(ctx); err != nil {
		return nil, err
	}
	url, err := s.endpoint(ctx, service)
	if err != nil {
		return nil, err
	}
	return &gophercloud.ServiceClient{ProviderClient: s.provider, Endpoint: url, Type: service.Type}, nil
}

// ensure sees to a token that lasts. When a new one cannot be had, the old one
// does until its end.
func (s *Session) ensure(ctx context.Context) error {
	now, have := time.Now(), s.current.Load()
	if have.fresh(now) {
		return nil
	}
	before := ""
	if have != nil {
		before = have.token
	}
	err := s.provider.Reauthenticate(ctx, before)
	if err != nil && have != nil && now.Before(have.expires) {
		return nil
	}
	return Explain(err)
}

// authenticate gets a token and the catalog. gophercloud sees to it that one
// call runs at a time; since others wait for it, its time is its own and not
// that of the request which happened to need it first.
func (s *Session) authenticate(ctx context.Context) error {
	if err := s.refusal.recent(time.Now()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), authLimit)
	defer cancel()
	defer context.AfterFunc(s.lifetime, cancel)() //nolint:contextcheck // Close ends it too
	identity := &gophercloud.ServiceClient{ProviderClient: s.anonymous, Endpoint: s.identityURL}
	result := tokens.Create(ctx, identity, s.credentials.authOptions())
	if err := Explain(result.Err); err != nil {
		return s.refusal.note(s.credentials, err)
	}
	st, err := read(&result)
	if err != nil {
		return fmt.Errorf("POST %s: %w: %w", s.tokenURL, ErrMalformed, err)
	}
	if err := s.provider.SetTokenAndAuthResult(result); err != nil {
		return Explain(err)
	}
	s.current.Store(st)
	s.refusal = refusal{}
	return nil
}

func read(result *tokens.CreateResult) (*standing, error) {
	token, err := result.ExtractToken()
	if err != nil {
		return nil, err
	}
	catalog, err := result.ExtractServiceCatalog()
	if err != nil {
		return nil, err
	}
	if token.ID == "" || token.ExpiresAt.IsZero() {
		return nil, errors.New("there is no token in it, or no end of it")
	}
	return &standing{token: token.ID, got: time.Now(), expires: token.ExpiresAt, catalog: catalog}, nil
}

// refusal remembers that Keystone refused the credentials: a cloud may lock a
// user out for asking again and again. Only authenticate touches it.
type refusal struct {
	err  error
	next time.Time
	wait time.Duration
}

func (r *refusal) recent(now time.Time) error {
	if now.Before(r.next) {
		return r.err
	}
	return nil
}

// note gives the error to return: a refusal is known until it is time to ask
// again.
func (r *refusal) note(who Credentials, err error) error {
	var status *StatusError
	if !errors.As(err, &status) || status.Status != http.StatusUnauthorized {
		return err
	}
	r.wait = min(max(2*r.wait, time.Second), longestWait)
	r.next = time.Now().Add(r.wait)
	r.err = fmt.Errorf("%w: %v: %w", ErrCredentials, who, err)
	return r.err
}
