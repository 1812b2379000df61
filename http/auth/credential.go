package auth

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// field is a credential that every identity has.
type field int

const (
	fieldAbsent field = iota // none of them
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

// credential is the left side of a check: a field that every identity has, or
// one that none has.
type credential struct{ field field }

// credentialName is what oslo.policy can read as one: names with dots between
// them, which may have dashes in them.
var credentialName = regexp.MustCompile(`^[A-Za-z_]\w*([.-][A-Za-z_]\w*)*$`)

// parseCredential refuses what makes oslo.policy fail each time that the rule is
// asked: here such a check would be false, and its opposite true.
func parseCredential(name string, pos int) (credential, error) {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '-' })
	if !credentialName.MatchString(name) || slices.ContainsFunc(words, pythonKeyword) {
		return credential{}, badRule(pos, "%q is not the name of a credential", name)
	}
	first, _, hasParts := strings.Cut(name, ".")
	f := fields[first]
	if f != fieldAbsent && hasParts {
		return credential{}, badRule(pos, "%q: %s has no parts", name, first)
	}
	return credential{f}, nil
}

func pythonKeyword(word string) bool {
	switch word {
	case "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
		"finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
		"return", "try", "while", "with", "yield":
		return true
	}
	return false
}

// matches compares the credential's text, as Python would print it, with want.
// Of a list one element must match.
func (c credential) matches(id *Identity, want string) bool {
	switch c.field {
	case fieldAbsent:
		return false
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
	case fieldAbsent, fieldRoles, fieldServiceRoles, fieldSystem:
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
