// Package openstacktest has doubles of the cloud's services, for unit tests:
// they behave like the real ones as far as arqd uses them, and can be made to
// do what the real ones do not do on demand.
package openstacktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Keystone is a double of Keystone. It issues tokens for the one password
// Password, checks tokens that were issued or added, and counts.
type Keystone struct {
	*httptest.Server

	mu          sync.Mutex
	life        time.Duration // of tokens issued
	catalog     []Endpoint
	onAuth      AuthHandler
	onValidate  ValidateHandler
	issued      map[string]time.Time // our own tokens and their end
	tokens      map[string]Token
	auths       []map[string]any // the bodies
	validations map[string]int   // by subject token
}

// Password is the one that Keystone takes, for every user, and as the secret of
// every application credential.
const Password = "s3cret-of-the-service"

// AuthHandler may answer an authentication; true means that it has.
type AuthHandler func(w http.ResponseWriter, r *http.Request) bool

// ValidateHandler may answer the question about a token; true means that it has.
type ValidateHandler func(w http.ResponseWriter, r *http.Request, subject string) bool

// Token is what Keystone knows of a token: the members of its description.
type Token struct {
	Expires time.Time
	Body    map[string]any // members besides expires_at
}

// Endpoint is a line of the catalog.
type Endpoint struct{ Type, Interface, Region, URL string }

// NewKeystone starts a double, which the end of the test stops. Its catalog has
// the double itself.
func NewKeystone(tb testing.TB) *Keystone {
	tb.Helper()
	k := newKeystone()
	k.Server = httptest.NewServer(k)
	k.begin(tb)
	return k
}

// NewKeystoneTLS is NewKeystone over TLS; the caller sets Server.TLS by change
// before it starts.
func NewKeystoneTLS(tb testing.TB, change func(*httptest.Server)) *Keystone {
	tb.Helper()
	k := newKeystone()
	k.Server = httptest.NewUnstartedServer(k)
	change(k.Server)
	k.StartTLS()
	k.begin(tb)
	return k
}

func newKeystone() *Keystone {
	return &Keystone{
		life: time.Hour, issued: map[string]time.Time{}, tokens: map[string]Token{}, validations: map[string]int{},
	}
}

func (k *Keystone) begin(tb testing.TB) {
	tb.Helper()
	tb.Cleanup(k.Close)
	for _, name := range []string{"public", "internal", "admin"} {
		k.catalog = append(k.catalog, Endpoint{"identity", name, "RegionOne", k.URL + "/v3"})
	}
}

// OnAuth has a handler, nil for none, see authentications first. It runs in
// the goroutine of the request.
func (k *Keystone) OnAuth(f AuthHandler) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.onAuth = f
}

// OnValidate has a handler, nil for none, see questions about tokens first. It
// runs in the goroutine of the request.
func (k *Keystone) OnValidate(f ValidateHandler) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.onValidate = f
}

// SetLife sets for how long tokens are good that are issued from now on; it is
// an hour at first.
func (k *Keystone) SetLife(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.life = d
}

// SetCatalog replaces what comes with tokens that are issued from now on; at
// first it is the double itself at the three interfaces of RegionOne.
func (k *Keystone) SetCatalog(endpoints ...Endpoint) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.catalog = endpoints
}

// Add makes a token known. members are those of its description besides
// expires_at, a user called u1 if none is among them.
func (k *Keystone) Add(subject string, expires time.Time, members map[string]any) {
	body := map[string]any{"user": map[string]any{"id": "u1", "name": "one", "domain": map[string]any{"id": "default"}}}
	maps.Copy(body, members)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens[subject] = Token{Expires: expires, Body: body}
}

// Project is the scope of a token as a description has it.
func Project(id string) map[string]any {
	return map[string]any{"id": id, "name": id, "domain": map[string]any{"id": "default", "name": "Default"}}
}

// Roles are the roles of a token as a description has them.
func Roles(names ...string) []any {
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = map[string]any{"id": "id-of-" + name, "name": name}
	}
	return list
}

// Revoke makes a token unknown: one that was added or one that was issued.
func (k *Keystone) Revoke(subject string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.tokens, subject)
	delete(k.issued, subject)
}

// RevokeIssued makes all tokens unknown that were issued.
func (k *Keystone) RevokeIssued() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.issued)
}

// Issued tells whether a token was issued by the double and is still good.
func (k *Keystone) Issued(token string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	end, known := k.issued[token]
	return known && time.Now().Before(end)
}

// Auths gives the bodies of the authentications so far.
func (k *Keystone) Auths() []map[string]any {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]map[string]any(nil), k.auths...)
}

// Validations counts how often a token was checked.
func (k *Keystone) Validations(subject string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.validations[subject]
}

// ServeHTTP implements http.Handler.
func (k *Keystone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v3/auth/tokens" {
		Refuse(w, http.StatusNotFound)
		return
	}
	if r.Method == http.MethodPost {
		k.authenticate(w, r)
		return
	}
	k.validate(w, r)
}

func (k *Keystone) authenticate(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		Refuse(w, http.StatusBadRequest)
		return
	}
	k.mu.Lock()
	k.auths = append(k.auths, body)
	token, end := fmt.Sprintf("issued-%d", len(k.auths)), time.Now().Add(k.life)
	catalog, handler := catalogOf(k.catalog), k.onAuth
	k.mu.Unlock()
	if handler != nil && handler(w, r) {
		return
	}
	text, _ := json.Marshal(body)
	if !bytes.Contains(text, []byte(`"`+Password+`"`)) {
		Refuse(w, http.StatusUnauthorized)
		return
	}
	k.mu.Lock()
	k.issued[token] = end
	k.mu.Unlock()
	w.Header().Set("X-Subject-Token", token)
	write(w, http.StatusCreated, map[string]any{"token": map[string]any{
		"expires_at": end.UTC().Format(time.RFC3339Nano), "catalog": catalog,
	}})
}

func catalogOf(endpoints []Endpoint) []any {
	byType := map[string][]any{}
	var types []string
	for _, e := range endpoints {
		if byType[e.Type] == nil {
			types = append(types, e.Type)
		}
		byType[e.Type] = append(byType[e.Type],
			map[string]any{"interface": e.Interface, "region": e.Region, "region_id": e.Region, "url": e.URL})
	}
	entries := make([]any, len(types))
	for i, t := range types {
		entries[i] = map[string]any{"type": t, "name": t, "endpoints": byType[t]}
	}
	return entries
}

func (k *Keystone) validate(w http.ResponseWriter, r *http.Request) {
	subject := r.Header.Get("X-Subject-Token")
	k.mu.Lock()
	k.validations[subject]++
	end, known := k.issued[r.Header.Get("X-Auth-Token")]
	token, there := k.tokens[subject]
	handler := k.onValidate
	k.mu.Unlock()
	expired := !time.Now().Before(token.Expires) && r.URL.Query().Get("allow_expired") != "1"
	switch {
	case handler != nil && handler(w, r, subject):
	case !known || !time.Now().Before(end):
		Refuse(w, http.StatusUnauthorized)
	case !there || expired:
		Refuse(w, http.StatusNotFound)
	default:
		Describe(w, token)
	}
}

// Describe answers with the description of a token.
func Describe(w http.ResponseWriter, token Token) {
	body := map[string]any{"expires_at": token.Expires.UTC().Format("2006-01-02T15:04:05.000000Z")}
	maps.Copy(body, token.Body)
	write(w, http.StatusOK, map[string]any{"token": body})
}

// Refuse answers with an error as Keystone does.
func Refuse(w http.ResponseWriter, status int) {
	write(w, status, map[string]any{"error": map[string]any{
		"code": status, "title": http.StatusText(status), "message": "The double of Keystone refuses.",
	}})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Openstack-Request-Id", "req-of-the-double")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
