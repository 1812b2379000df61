package auth

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// field is a credential that every identity has.
type field int

const (
	fieldClaim field = iota // none of them: look into Claims
	fieldUser
	fieldUserDomain
	fieldProject
	fieldProjectDomain
	fieldRoles
	fieldIsAdmin
	fieldIsAdminProject
	fieldSystemScope
	fieldSystem
	fieldDomain
	fieldServiceUser
	fieldServiceUserDomain
	fieldServiceProject
	fieldServiceProjectDomain
	fieldServiceRoles
)

// fields are the names that oslo.context hands to policy rules, its old
// aliases included, and those that oslo.policy ("system") and the accelerator
// API ("is_admin") add.
var fields = map[string]field{
	"user_id":                   fieldUser,
	"user":                      fieldUser,
	"user_domain_id":            fieldUserDomain,
	"user_domain":               fieldUserDomain,
	"project_id":                fieldProject,
	"tenant":                    fieldProject,
	"project_domain_id":         fieldProjectDomain,
	"project_domain":            fieldProjectDomain,
	"roles":                     fieldRoles,
	"is_admin":                  fieldIsAdmin,
	"is_admin_project":          fieldIsAdminProject,
	"system_scope":              fieldSystemScope,
	"system":                    fieldSystem,
	"domain_id":                 fieldDomain,
	"domain":                    fieldDomain,
	"service_user_id":           fieldServiceUser,
	"service_user_domain_id":    fieldServiceUserDomain,
	"service_project_id":        fieldServiceProject,
	"service_project_domain_id": fieldServiceProjectDomain,
	"service_roles":             fieldServiceRoles,
}

// credential is the left side of a check: a field, or a path into the claims.
type credential struct {
	field field
	path  []string // of a claim; for a field what follows its name
}

func parseCredential(name string, pos int) (credential, error) {
	path := strings.Split(name, ".")
	for _, segment := range path {
		if segment == "" || strings.IndexFunc(segment, notNamePart) >= 0 {
			return credential{}, badRule(pos, "%q is not the name of a credential", name)
		}
	}
	if f, ok := fields[path[0]]; ok {
		return credential{field: f, path: path[1:]}, nil
	}
	return credential{path: path}, nil
}

func notNamePart(r rune) bool {
	return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// matches compares the credential's text, as Python would print it, with want.
// Of a list one element must match.
func (c credential) matches(id *Identity, want string) bool {
	if c.field == fieldClaim {
		return claimMatches(id.Claims, c.path, want)
	}
	if len(c.path) > 0 {
		return false // fields have no parts
	}
	switch c.field {
	case fieldRoles:
		return slices.Contains(id.Roles, want)
	case fieldServiceRoles:
		return slices.Contains(id.ServiceRoles, want)
	case fieldSystem: // not there at all in other scopes, so it is not None either
		return id.SystemScope != "" && id.SystemScope == want
	default:
		return orNone(c.text(id)) == want
	}
}

func (c credential) text(id *Identity) string {
	switch c.field {
	case fieldUser:
		return id.UserID
	case fieldUserDomain:
		return id.UserDomainID
	case fieldProject:
		return id.ProjectID
	case fieldProjectDomain:
		return id.ProjectDomainID
	case fieldServiceUser:
		return id.ServiceUserID
	case fieldServiceProject:
		return id.ServiceProjectID
	case fieldServiceUserDomain:
		return id.ServiceUserDomainID
	case fieldServiceProjectDomain:
		return id.ServiceProjectDomainID
	case fieldSystemScope:
		return id.SystemScope
	case fieldDomain:
		return id.DomainID
	case fieldIsAdmin:
		return pythonBool(id.IsAdmin())
	case fieldIsAdminProject:
		return pythonBool(!id.NotAdminProject)
	case fieldClaim, fieldRoles, fieldServiceRoles, fieldSystem:
	}
	return ""
}

func orNone(s string) string {
	if s == "" {
		return "None"
	}
	return s
}

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// claimMatches follows the path through maps; where a list stands, one of its
// elements must match. A path that leads nowhere matches nothing.
func claimMatches(value any, path []string, want string) bool {
	if list, ok := value.([]any); ok {
		for _, v := range list {
			if claimMatches(v, path, want) {
				return true
			}
		}
		return false
	}
	if len(path) == 0 {
		return claimText(value) == want
	}
	m, ok := value.(map[string]any)
	if !ok {
		return false
	}
	next, ok := m[path[0]]
	return ok && claimMatches(next, path[1:], want)
}

func claimText(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return pythonBool(v)
	case string:
		return v
	case float64: // what JSON makes of every number
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// hasRole tells whether one of the roles is want, whatever the case of either,
// as oslo.policy compares roles.
func hasRole(roles []string, want string) bool {
	for _, role := range roles {
		if role == want || equalLower(role, want) {
			return true
		}
	}
	return false
}

// equalLower compares the lower case forms without making them.
// strings.EqualFold would be too generous: it folds letters that are equal in
// upper case only ("ſ" and "s"). Two letters equal nothing but themselves: what
// Python makes of them depends on what stands beside them, or is no single one.
func equalLower(a, b string) bool {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if x != y && (unicode.ToLower(x) != unicode.ToLower(y) || strings.ContainsRune("İΣ", x) || strings.ContainsRune("İΣ", y)) {
			return false
		}
		if x == utf8.RuneError && a[:n] != b[:m] {
			return false // two different invalid bytes
		}
		a, b = a[n:], b[m:]
	}
	return a == b
}
