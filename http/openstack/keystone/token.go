package keystone

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/arqd/arqd/http/auth"
)

// token is what Keystone says of one. It does not change.
type token struct {
	identity auth.Identity // of the token alone, as a user's
	expires  time.Time
	rules    *accessRules // nil: the token may be used for everything
	paired   atomic.Pointer[pair]
}

// pair is the identity of a request that brought this token as the user's and
// another one as the service's.
type pair struct {
	service  *token
	identity *auth.Identity
}

// description is the body of Keystone's answer, as far as it counts.
type description struct {
	Token *struct {
		ExpiresAt *time.Time `json:"expires_at"`
		User      struct {
			ID     string `json:"id"`
			Domain struct {
				ID string `json:"id"`
			} `json:"domain"`
		} `json:"user"`
		Project *struct {
			ID     string `json:"id"`
			Domain struct {
				ID string `json:"id"`
			} `json:"domain"`
		} `json:"project"`
		Domain *struct {
			ID string `json:"id"`
		} `json:"domain"`
		System map[string]bool `json:"system"`
		Roles  []struct {
			Name string `json:"name"`
		} `json:"roles"`
		IsAdminProject        *bool           `json:"is_admin_project"`
		Bind                  json.RawMessage `json:"bind"`
		ApplicationCredential *struct {
			AccessRules *[]accessRule `json:"access_rules"`
		} `json:"application_credential"`
	} `json:"token"`
}

// errUnscoped refuses a valid token that gives nobody any rights.
var errUnscoped = fmt.Errorf("%w: the token has no scope", auth.ErrUnauthorized)

// errBound refuses tokens that are bound to something which is not checked here
// (Kerberos): Keystone has made none for years.
var errBound = fmt.Errorf("%w: the token is bound", auth.ErrUnauthorized)

// parse reads the description of a token. Errors that are ErrUnauthorized are
// about the token, others about the description.
func parse(body []byte) (*token, error) {
	var d description
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, err
	}
	t := d.Token
	switch {
	case t == nil:
		return nil, errors.New("it describes no token")
	case t.User.ID == "":
		return nil, errors.New("the token is nobody's")
	case t.ExpiresAt == nil:
		return nil, errors.New("the token has no end")
	case len(t.Bind) > 0 && string(t.Bind) != "null" && string(t.Bind) != "{}":
		return nil, errBound
	}
	parsed := &token{expires: *t.ExpiresAt, identity: auth.Identity{
		UserID: t.User.ID, UserDomainID: t.User.Domain.ID,
		NotAdminProject: t.IsAdminProject != nil && !*t.IsAdminProject,
	}}
	id := &parsed.identity
	for _, role := range t.Roles {
		if role.Name != "" {
			id.Roles = append(id.Roles, role.Name)
		}
	}
	scopes := 0
	if t.Project != nil && t.Project.ID != "" {
		id.ProjectID, id.ProjectDomainID = t.Project.ID, t.Project.Domain.ID
		scopes++
	}
	if t.Domain != nil && t.Domain.ID != "" {
		id.DomainID = t.Domain.ID
		scopes++
	}
	if t.System[auth.SystemScopeAll] {
		id.SystemScope = auth.SystemScopeAll
		scopes++
	}
	if scopes > 1 {
		return nil, errors.New("the token has several scopes")
	}
	if credential := t.ApplicationCredential; credential != nil && credential.AccessRules != nil {
		parsed.rules = newAccessRules(*credential.AccessRules)
	}
	if scopes == 0 {
		return nil, errUnscoped
	}
	return parsed, nil
}

// has tells whether the token has one of the roles.
func (t *token) has(roles []string) bool {
	return slices.ContainsFunc(t.identity.Roles, func(r string) bool { return slices.Contains(roles, r) })
}

// with gives the identity of a request with this user's token and, unless it
// is nil, that service's, which counts as a service or does not. The last pair
// is remembered: the requests of a service bring one service token for long.
func (t *token) with(service *token, counts bool) *auth.Identity {
	if service == nil {
		return &t.identity
	}
	if last := t.paired.Load(); last != nil && last.service == service {
		return last.identity
	}
	id, s := t.identity, &service.identity
	id.Service = counts
	id.ServiceUserID, id.ServiceUserDomainID = s.UserID, s.UserDomainID
	id.ServiceProjectID, id.ServiceProjectDomainID = s.ProjectID, s.ProjectDomainID
	id.ServiceRoles = s.Roles
	t.paired.Store(&pair{service, &id})
	return &id
}
