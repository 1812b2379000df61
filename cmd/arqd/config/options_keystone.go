package config

import (
	"time"

	"github.com/arqd/arqd/http/openstack"
)

// keystoneOptions is [keystone_authtoken], with the names of keystonemiddleware.
func keystoneOptions() []Option {
	const group = "keystone_authtoken"
	section := func(c *Config) *KeystoneAuthtoken { return &c.KeystoneAuthtoken }
	return append(userOptions(group, func(c *Config) *ServiceUser { return &section(c).ServiceUser }),
		opt(group, "interface", "internal", choice("internal", "public", "admin"), func(c *Config) *string { return &section(c).Interface },
			"Interface of Keystone's endpoint in the catalog, at which tokens are checked. Without such an endpoint they are checked at auth_url."),
		opt(group, "http_connect_timeout", "10", seconds(0.1, 600), func(c *Config) *time.Duration { return &section(c).Connection.Timeout },
			"Time for one request to Keystone, its answer included."),
		opt(group, "http_request_max_retries", "3", integer(0, 20), func(c *Config) *int { return &section(c).Connection.Retries },
			"How often a request is repeated that Keystone does not answer, or answers with 429 or 5xx."),
		opt(group, "token_cache_time", "300", seconds(-1, 86400), func(c *Config) *time.Duration { return &section(c).TokenCacheTime },
			"Time for which a checked token is not checked again, but never beyond its end: for so long a revoked token may still pass. 0 or -1: every request asks Keystone."),
		opt(group, "service_token_roles", "service", list(word(), "names"), func(c *Config) *[]string { return &section(c).ServiceTokenRoles },
			"Roles of which a service token must have one."),
		opt(group, "service_token_roles_required", "true", boolean(), func(c *Config) *bool { return &section(c).ServiceTokenRolesRequired },
			"Refuse a request whose service token has none of these roles. When off, such a service token counts as none."),
		opt(group, "service_type", "accelerator", word(), func(c *Config) *string { return &section(c).ServiceType },
			"Type of this service in the access rules of application credentials."),
		opt(group, "www_authenticate_uri", "$auth_url", optional(link()), func(c *Config) *string { return &section(c).WWWAuthenticateURI },
			"Identity endpoint that a refused client is pointed to. Empty: http://127.0.0.1:5000/v3."),
	)
}

// userOptions are those of keystoneauth, which every section has that says as
// whom arqd comes to another service.
func userOptions(group string, section func(*Config) *ServiceUser) []Option {
	credential := func(name, help string, field func(*openstack.Credentials) *string) Option {
		return opt(group, name, "", text(), func(c *Config) *string { return field(&section(c).Credentials) }, help)
	}
	file := func(name, help string, field func(*openstack.Connection) *string) Option {
		return opt(group, name, "", optional(path()), func(c *Config) *string { return field(&section(c).Connection) }, help)
	}
	type credentials = openstack.Credentials
	type connection = openstack.Connection
	return []Option{
		opt(group, "auth_url", "", optional(link()), func(c *Config) *string { return &section(c).Credentials.AuthURL },
			"Where Keystone is, with or without /v3."),
		opt(group, "auth_type", string(openstack.AuthPassword), choice(openstack.AuthPassword, openstack.AuthV3Password, openstack.AuthApplicationCredential),
			func(c *Config) *openstack.AuthType { return &section(c).Credentials.AuthType },
			"How to authenticate; v3password is the same as password."),
		credential("username", "Name of the service user.", func(c *credentials) *string { return &c.Username }),
		credential("user_id", "Its id, instead of the name.", func(c *credentials) *string { return &c.UserID }),
		credential("password", "Its password.", func(c *credentials) *string { return &c.Password }).secret(),
		credential("user_domain_name", "Name of the domain of the user.", func(c *credentials) *string { return &c.UserDomainName }),
		credential("user_domain_id", "Its id, instead of the name.", func(c *credentials) *string { return &c.UserDomainID }),
		credential("project_name", "Name of the project to act in.", func(c *credentials) *string { return &c.ProjectName }),
		credential("project_id", "Its id, instead of the name.", func(c *credentials) *string { return &c.ProjectID }),
		credential("project_domain_name", "Name of the domain of the project.", func(c *credentials) *string { return &c.ProjectDomainName }),
		credential("project_domain_id", "Its id, instead of the name.", func(c *credentials) *string { return &c.ProjectDomainID }),
		opt(group, "system_scope", "", optional(choice(openstack.SystemScopeAll)), func(c *Config) *string { return &section(c).Credentials.SystemScope },
			"Act on the whole system (all) and not in a project."),
		credential("application_credential_id", "Id of the application credential.", func(c *credentials) *string { return &c.ApplicationCredentialID }),
		credential("application_credential_name", "Its name, instead of the id; needs the user.", func(c *credentials) *string { return &c.ApplicationCredentialName }),
		credential("application_credential_secret", "Its secret.", func(c *credentials) *string { return &c.ApplicationCredentialSecret }).secret(),
		opt(group, "region_name", "", text(), func(c *Config) *string { return &section(c).Region },
			"Region of the endpoints in the catalog. Empty: any."),
		file("cafile", "Certificate authorities to trust instead of the system's, PEM.", func(c *connection) *string { return &c.CAFile }),
		file("certfile", "Certificate to show to a service that asks for one, PEM.", func(c *connection) *string { return &c.CertFile }),
		file("keyfile", "Private key of it, PEM. Empty: in the same file.", func(c *connection) *string { return &c.KeyFile }),
		opt(group, "insecure", "false", boolean(), func(c *Config) *bool { return &section(c).Connection.Insecure },
			"Believe any certificate: for trying out only."),
	}
}
