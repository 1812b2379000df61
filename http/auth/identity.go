package auth

import (
	"context"
	"errors"
	"net/netip"
	"slices"
)

// ErrUnauthorized means that the request names no valid user, or none with a
// scope: status 401.
var ErrUnauthorized = errors.New("no valid identity")

// ErrServiceUnauthorized means that a service token came along and is not
// valid, or carries none of the service token roles: status 401, whoever the
// user is.
var ErrServiceUnauthorized = errors.New("no valid service token")

// ErrPeerRefused means that identity headers came from a peer which is not
// trusted to set them: status 401. The caller logs it with the peer's address:
// either the proxy is configured wrongly or somebody tries to forge an identity.
var ErrPeerRefused = errors.New("peer may not state identities")

// ErrUnavailable means that it could not be found out just now who asks: status
// 503. Whoever returns it has logged why.
var ErrUnavailable = errors.New("identities cannot be checked")

// SystemScopeAll is the scope of a token for the whole system, the only one that
// Keystone has.
const SystemScopeAll = "all"

// adminRole is the literal role name that makes an administrator.
const adminRole = "admin"

// Identity is who asks, in one scope: exactly one of ProjectID, DomainID and
// SystemScope is not empty. One value may serve many requests at once: it is
// read only after it was made.
type Identity struct {
	UserID      string
	ProjectID   string
	DomainID    string
	SystemScope string   // SystemScopeAll
	Roles       []string // as the token names them, implied roles included

	UserDomainID    string
	ProjectDomainID string

	// NotAdminProject tells that the cloud names a project of its administrators
	// and the scope is not that one (the credential is_admin_project).
	NotAdminProject bool

	// Service tells that a valid service token with one of the service token
	// roles came along. The Service* fields below describe the token, also one
	// without such a role where that is let through.
	Service                bool
	ServiceUserID          string
	ServiceUserDomainID    string
	ServiceProjectID       string
	ServiceProjectDomainID string
	ServiceRoles           []string
}

// IsAdmin tells whether the identity has the literal role "admin".
func (id *Identity) IsAdmin() bool { return slices.Contains(id.Roles, adminRole) }

// Scope tells what the roles are for.
func (id *Identity) Scope() Scope {
	switch {
	case id.SystemScope != "":
		return ScopeSystem
	case id.DomainID != "":
		return ScopeDomain
	}
	return ScopeProject
}

// HeaderSource is a request as far as a Validator looks at it. The strings
// need to stay valid only until Validate returns: what is kept is copied.
type HeaderSource interface {
	// Header gives the value of a header, "" when there is none. The name is
	// in canonical form ("X-User-Id"). The values of a header that was sent
	// more than once are joined with "\n", which no header value can contain:
	// an identity stated twice is refused, whichever of the two is forged.
	Header(name string) string
	// Peer is the address at the other end of the connection itself, never
	// one taken from a header. It is the zero Addr when unknown.
	Peer() netip.Addr
	// PeerVerified tells that the peer showed a client certificate which the
	// listener's certificate authority signed.
	PeerVerified() bool
	// Method is that of the request, and Path its path as it was sent, percent
	// signs and all, without the query.
	Method() string
	Path() string
}

// Validator finds out who sends a request. Its errors wrap ErrUnauthorized,
// ErrServiceUnauthorized, ErrPeerRefused or ErrUnavailable; any other is
// unforeseen, and no identity either.
type Validator interface {
	Validate(ctx context.Context, h HeaderSource) (*Identity, error)
}
