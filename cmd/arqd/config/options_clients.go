package config

import (
	"slices"
	"time"
)

// clientOptions are those of every section about another service that arqd
// calls, with the names of keystoneauth.
func clientOptions(group, serviceType string, section func(*Config) *Client) []Option {
	return slices.Concat([]Option{
		opt(group, "enabled", string(UseAuto), choice(UseAuto, UseTrue, UseFalse), func(c *Config) *Use { return &section(c).Use },
			"Whether arqd calls this service. auto: if auth_url is set here. Without one arqd comes as the user of [keystone_authtoken]."),
	}, userOptions(group, func(c *Config) *ServiceUser { return &section(c).ServiceUser }), []Option{
		opt(group, "service_type", serviceType, word(), func(c *Config) *string { return &section(c).ServiceType },
			"Type of the service in the catalog."),
		opt(group, "valid_interfaces", "internal,public", list(choice("internal", "public", "admin"), "interfaces"), func(c *Config) *[]string { return &section(c).Interfaces },
			"Interfaces of the endpoint in the catalog; the first that there is counts."),
		opt(group, "endpoint_override", "", optional(link()), func(c *Config) *string { return &section(c).Override },
			"Where the service is, whatever the catalog says."),
		opt(group, "timeout", "20", seconds(0.1, 3600), func(c *Config) *time.Duration { return &section(c).Connection.Timeout },
			"Time for one request, its answer included."),
		opt(group, "connect_retries", "1", integer(0, 20), func(c *Config) *int { return &section(c).Connection.Retries },
			"How often a reading request is repeated at once that is not answered, or with 429 or 5xx."),
	})
}

// Client is a section about another service that arqd calls.
type Client struct {
	ServiceUser

	Use         Use
	ServiceType string
	Interfaces  []string
	Override    string // "": as the catalog says
}

// Use says whether a service is called.
type Use string

// The values of enabled.
const (
	UseAuto  Use = "auto"
	UseTrue  Use = "true"
	UseFalse Use = "false"
)

// Enabled tells whether the service is called.
func (c *Client) Enabled() bool {
	return c.Use == UseTrue || c.Use == UseAuto && c.Credentials.AuthURL != ""
}

// User is as whom arqd comes to a service: as [keystone_authtoken] says, where
// the section names no auth_url of its own.
func (c *Config) User(client *Client) ServiceUser {
	own, general := client.ServiceUser, &c.KeystoneAuthtoken
	if own.Credentials.AuthURL != "" {
		return own
	}
	own.Credentials = general.Credentials
	if own.Region == "" {
		own.Region = general.Region
	}
	if t, from := &own.Connection, &general.Connection; t.CAFile == "" && t.CertFile == "" && !t.Insecure {
		t.CAFile, t.CertFile, t.KeyFile, t.Insecure = from.CAFile, from.CertFile, from.KeyFile, from.Insecure
	}
	return own
}

// checkClient says what a section lacks.
func (c *Config) checkClient(group string, client *Client) error {
	if !client.Enabled() {
		return nil
	}
	user := c.User(client)
	err := user.Credentials.Check()
	if err == nil {
		_, err = user.Connection.TLS()
	}
	if err != nil {
		because := "enabled"
		if client.Credentials.AuthURL != "" {
			because = "auth_url"
		}
		return c.fault(group, because, "the service needs a user in this section or in [keystone_authtoken]: %w", err)
	}
	return nil
}
