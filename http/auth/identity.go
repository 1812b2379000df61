package auth

import (
	"context"
	"errors"
	"net/netip"
	"slices"
)

// ErrUnauthorized means that the request names no valid user of a project:
// status 401.
var ErrUnauthorized = errors.New("no valid identity")

// ErrServiceUnauthorized means that a service token came along and is not
// valid, or carries none of the service token roles: status 401, whoever the
// user is.
var ErrServiceUnauthorized = errors.New("no valid service token")

// ErrPeerRefused means that identity headers came from a peer which is not
// trusted to set them: status 401. The caller logs it with the peer's address:
// either the proxy is configured wrongly or somebody tries to forge an identity.
var ErrPeerRefused = errors.New("peer may not state identities")

// adminRole is the literal role name that makes an administrator.
const adminRole = "admin"

// Identity is who asks, in the scope of one project. One value may serve many
// requests at once: it is read only after it was made.
type Identity struct {
	UserID    string
	ProjectID string   // never empty: only project scope is accepted
	Roles     []string // as the token names them, implied roles included

	UserDomainID    string
	ProjectDomainID string

	// Service tells that a valid service token with one of the service token
	// roles came along. The Service* fields below describe it.
	Service          bool
	ServiceUserID    string
	ServiceProjectID string
	ServiceRoles     []string

	// Claims are further credentials for policy rules by their name, nested as
	// JSON decodes them: maps, lists, text, numbers, booleans.
	Claims map[string]any
}

// IsAdmin tells whether the identity has the literal role "admin".
func (id *Identity) IsAdmin() bool { return slices.Contains(id.Roles, adminRole) }

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
}

// Validator finds out who sends a request. Its errors wrap ErrUnauthorized,
// ErrServiceUnauthorized or ErrPeerRefused; any other means that the question
// could not be answered.
type Validator interface {
	Validate(ctx context.Context, h HeaderSource) (*Identity, error)
}
