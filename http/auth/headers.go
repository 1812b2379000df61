package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// DefaultServiceRole is the service token role where none is configured.
const DefaultServiceRole = "service"

const confirmed = "Confirmed"

// The headers that make an identity, as keystonemiddleware names them.
const (
	hStatus = iota
	hUser
	hUserDomain
	hProject
	hProjectDomain
	hDomain
	hSystem
	hAdminProject
	hRoles
	hService // the service token itself: only whether it came along counts
	hServiceStatus
	hServiceUser
	hServiceUserDomain
	hServiceProject
	hServiceProjectDomain
	hServiceRoles
	headerCount
)

var headerNames = [headerCount]string{
	hStatus:               "X-Identity-Status",
	hUser:                 "X-User-Id",
	hUserDomain:           "X-User-Domain-Id",
	hProject:              "X-Project-Id",
	hProjectDomain:        "X-Project-Domain-Id",
	hDomain:               "X-Domain-Id",
	hSystem:               "Openstack-System-Scope",
	hAdminProject:         "X-Is-Admin-Project",
	hRoles:                "X-Roles",
	hService:              "X-Service-Token",
	hServiceStatus:        "X-Service-Identity-Status",
	hServiceUser:          "X-Service-User-Id",
	hServiceUserDomain:    "X-Service-User-Domain-Id",
	hServiceProject:       "X-Service-Project-Id",
	hServiceProjectDomain: "X-Service-Project-Domain-Id",
	hServiceRoles:         "X-Service-Roles",
}

// Refusals are made once: an unauthorized request is to cost little.
var (
	errNotConfirmed = fmt.Errorf("%w: X-Identity-Status is not Confirmed", ErrUnauthorized)
	errNoUser       = fmt.Errorf("%w: X-User-Id is missing", ErrUnauthorized)
	errNoScope      = fmt.Errorf("%w: exactly one of X-Project-Id, X-Domain-Id and OpenStack-System-Scope (all) must say what the token is scoped to", ErrUnauthorized)
	errLongID       = fmt.Errorf("%w: X-User-Id, X-Project-Id or X-Domain-Id is longer than %d", ErrUnauthorized, longestID)
	errRepeated     = fmt.Errorf("%w: an identity header is repeated, too long or holds control characters", ErrUnauthorized)
	errServiceState = fmt.Errorf("%w: X-Service-Identity-Status is not Confirmed", ErrServiceUnauthorized)
	errServiceRole  = fmt.Errorf("%w: X-Service-Roles names none of the service token roles", ErrServiceUnauthorized)
	errForeignPeer  = fmt.Errorf("%w: it is neither on loopback nor verified by a client certificate", ErrPeerRefused)
)

type headerValues [headerCount]string

// Headers is auth_strategy headers: an authenticating proxy in front states the
// identity in the headers that keystonemiddleware would set. Only a peer on
// loopback or one with a verified client certificate is believed.
type Headers struct {
	serviceRoles []string
	cache        identityCache
}

// NewHeaders makes the validator. A service token must have one of the roles
// given (service_token_roles); without any it is DefaultServiceRole.
func NewHeaders(serviceTokenRoles []string) *Headers {
	if len(serviceTokenRoles) == 0 {
		serviceTokenRoles = []string{DefaultServiceRole}
	}
	return &Headers{serviceRoles: slices.Clone(serviceTokenRoles), cache: newIdentityCache()}
}

// Validate reads the identity headers. The same headers give the same
// Identity for as long as the cache remembers them.
func (v *Headers) Validate(_ context.Context, h HeaderSource) (*Identity, error) {
	if !h.PeerVerified() && !h.Peer().Unmap().IsLoopback() {
		return nil, errForeignPeer
	}
	var values headerValues
	if !values.read(h) {
		return nil, errRepeated
	}
	var room [512]byte // enough for usual headers: the key then needs no heap
	key := values.appendKey(room[:0])
	if id := v.cache.get(key); id != nil {
		return id, nil
	}
	id, err := v.identity(&values)
	if err != nil {
		return nil, err
	}
	v.cache.put(key, id)
	return id, nil
}

// longestHeader bounds what a proxy may say of a caller: ids are at most 255
// characters in Keystone, and roles are few.
const (
	longestHeader = 4096
	longestID     = 255
)

// read takes the headers over. It refuses what is too long, and control
// characters, among them the "\n" that stands between the values of a repeated
// header.
func (values *headerValues) read(h HeaderSource) bool {
	for i, name := range headerNames {
		value := h.Header(name)
		if len(value) > longestHeader || hasControl(value) {
			return false
		}
		values[i] = value
	}
	if values[hService] != "" {
		values[hService] = "present" // never keep a token
	}
	return true
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

func (v *Headers) identity(values *headerValues) (*Identity, error) {
	switch {
	case values[hStatus] != confirmed:
		return nil, errNotConfirmed
	case values[hUser] == "":
		return nil, errNoUser
	case !values.oneScope():
		return nil, errNoScope
	case len(values[hUser]) > longestID || len(values[hProject]) > longestID || len(values[hDomain]) > longestID:
		return nil, errLongID
	}
	id := &Identity{
		UserID:          strings.Clone(values[hUser]),
		UserDomainID:    strings.Clone(values[hUserDomain]),
		ProjectID:       strings.Clone(values[hProject]),
		ProjectDomainID: strings.Clone(values[hProjectDomain]),
		DomainID:        strings.Clone(values[hDomain]),
		SystemScope:     strings.Clone(values[hSystem]),
		Roles:           splitRoles(values[hRoles]),
		NotAdminProject: values[hAdminProject] != "" && !strings.EqualFold(values[hAdminProject], "true"),
	}
	if values[hService] == "" && values[hServiceStatus] == "" {
		return id, nil
	}
	return id, v.addService(id, values)
}

// oneScope tells whether the headers name one scope that is known.
func (values *headerValues) oneScope() bool {
	named := 0
	for _, h := range []int{hProject, hDomain, hSystem} {
		if values[h] != "" {
			named++
		}
	}
	return named == 1 && (values[hSystem] == "" || values[hSystem] == SystemScopeAll)
}

// addService judges the service token. A bad one is never the same as none:
// the caller meant to act as a service and would act as somebody else.
func (v *Headers) addService(id *Identity, values *headerValues) error {
	if values[hServiceStatus] != confirmed {
		return errServiceState
	}
	roles := splitRoles(values[hServiceRoles])
	if !slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(v.serviceRoles, r) }) {
		return errServiceRole
	}
	id.Service = true
	id.ServiceUserID = strings.Clone(values[hServiceUser])
	id.ServiceUserDomainID = strings.Clone(values[hServiceUserDomain])
	id.ServiceProjectID = strings.Clone(values[hServiceProject])
	id.ServiceProjectDomainID = strings.Clone(values[hServiceProjectDomain])
	id.ServiceRoles = roles
	return nil
}

// splitRoles reads a comma separated list: blanks around names and empty
// names go. The names are copies.
func splitRoles(s string) []string {
	var roles []string
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name != "" {
			roles = append(roles, strings.Clone(name))
		}
	}
	return roles
}
