package openstack

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// AuthType is a way to authenticate, by the name that keystoneauth has for it.
type AuthType string

// The ways to authenticate.
const (
	AuthPassword              AuthType = "password"
	AuthV3Password            AuthType = "v3password" // the same
	AuthApplicationCredential AuthType = "v3applicationcredential"
)

// SystemScopeAll is the one system scope that there is.
const SystemScopeAll = "all"

// Credentials say as whom arqd comes to Keystone: the options of keystoneauth,
// by their names. Printed or logged they leave the secrets out.
type Credentials struct {
	AuthType AuthType
	AuthURL  string // with or without /v3

	// Of an id and a name, with its domain, the id counts.
	UserID, Username             string
	UserDomainID, UserDomainName string
	Password                     string

	ProjectID, ProjectName             string
	ProjectDomainID, ProjectDomainName string
	SystemScope                        string // SystemScopeAll: instead of a project

	ApplicationCredentialID     string
	ApplicationCredentialName   string // needs the user
	ApplicationCredentialSecret string
}

// String tells who it is.
func (c Credentials) String() string {
	for _, name := range []string{c.ApplicationCredentialName, c.ApplicationCredentialID, c.Username, c.UserID} {
		if name != "" {
			return string(c.AuthType) + " " + name
		}
	}
	return string(c.AuthType)
}

// LogValue tells who it is.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// authOptions are the credentials as gophercloud wants them, which takes no name
// beside an id.
func (c *Credentials) authOptions() *tokens.AuthOptions {
	opts := &tokens.AuthOptions{}
	if c.AuthType == AuthApplicationCredential {
		opts.ApplicationCredentialSecret = c.ApplicationCredentialSecret
		if c.ApplicationCredentialID != "" { // names its user by itself
			opts.ApplicationCredentialID = c.ApplicationCredentialID
			return opts
		}
		opts.ApplicationCredentialName = c.ApplicationCredentialName
	} else {
		opts.Password = c.Password
		opts.Scope.System = c.system()
	}
	opts.UserID, opts.Username, opts.DomainID, opts.DomainName = within(
		c.UserID, c.Username, c.UserDomainID, c.UserDomainName)
	if c.AuthType != AuthApplicationCredential && !c.system() {
		opts.Scope.ProjectID, opts.Scope.ProjectName, opts.Scope.DomainID, opts.Scope.DomainName = within(
			c.ProjectID, c.ProjectName, c.ProjectDomainID, c.ProjectDomainName)
	}
	return opts
}

func (c *Credentials) system() bool { return c.SystemScope == SystemScopeAll }

// within leaves out what an id makes superfluous, as keystoneauth does.
func within(id, name, domainID, domainName string) (theID, theName, theDomainID, theDomainName string) {
	switch {
	case id != "":
		return id, "", "", ""
	case domainID != "":
		return "", name, domainID, ""
	}
	return "", name, "", domainName
}

// Check says which options are missing, by their names.
func (c *Credentials) Check() error {
	need := options{}
	need.one("auth_url", c.AuthURL)
	switch {
	case c.AuthType != AuthApplicationCredential:
		need.one("password", c.Password)
		need.named("user", c.UserID, c.Username, c.UserDomainID, c.UserDomainName)
		if !c.system() {
			need.named("project", c.ProjectID, c.ProjectName, c.ProjectDomainID, c.ProjectDomainName)
		}
	case c.ApplicationCredentialID != "":
		need.one("application_credential_secret", c.ApplicationCredentialSecret)
	default:
		need.one("application_credential_id", c.ApplicationCredentialName)
		need.one("application_credential_secret", c.ApplicationCredentialSecret)
		if c.ApplicationCredentialName != "" {
			need.named("user", c.UserID, c.Username, c.UserDomainID, c.UserDomainName)
		}
	}
	if len(need.missing) == 0 {
		return nil
	}
	return errors.New(strings.Join(need.missing, ", ") + " must be set")
}

// options gathers the names of those that are missing.
type options struct{ missing []string }

func (o *options) one(name, value string) {
	if value == "" {
		o.missing = append(o.missing, name)
	}
}

// named wants an id, or a name within a domain.
func (o *options) named(what, id, name, domainID, domainName string) {
	if id != "" {
		return
	}
	if what == "user" {
		o.one("username", name)
	} else {
		o.one(what+"_name", name)
	}
	o.one(what+"_domain_name", domainID+domainName)
}
