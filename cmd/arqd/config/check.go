package config

import (
	"errors"
	"net/netip"
)

// check says where values that are good by themselves do not go together.
func (c *Config) check() error {
	user := c.checkAuth()
	if user == nil {
		user = c.checkClient("nova", &c.Nova.Client) // which may come as the same
	}
	_, err := c.TLSConfig()
	return errors.Join(user, err, c.checkProxies(), c.checkPorts(), c.checkFake(), c.checkAgents(),
		c.checkClient("placement", &c.Placement.Client), c.checkClient("glance", &c.Glance.Client))
}

func (c *Config) checkAuth() error {
	local := isLoopback(c.API.HostIP)
	switch c.API.AuthStrategy {
	case AuthKeystone:
		return c.checkKeystone()
	case AuthNone:
		if !local {
			return c.fault("api", "auth_strategy",
				"none makes every caller the administrator, so it needs a loopback address in [api] host_ip, not %s", c.API.HostIP)
		}
	case AuthHeaders:
		if !local && (!c.API.EnableSSLAPI || c.SSL.CAFile == "") {
			return c.fault("api", "auth_strategy",
				"headers believes whoever connects, so it needs a loopback address in [api] host_ip, not %s, or [api] enable_ssl_api with [ssl] ca_file",
				c.API.HostIP)
		}
	}
	return nil
}

func (c *Config) checkProxies() error {
	if c.Middleware.ProxyHeaders && len(c.Middleware.TrustedProxies) == 0 {
		return c.fault("oslo_middleware", "enable_proxy_headers_parsing",
			"anybody could send these headers, so it needs the addresses of the proxies in trusted_proxies")
	}
	return nil
}

func (c *Config) checkKeystone() error {
	user := &c.KeystoneAuthtoken.ServiceUser
	err := user.Credentials.Check()
	if err == nil {
		_, err = user.Connection.TLS()
	}
	if err != nil {
		return c.fault("api", "auth_strategy", "keystone needs a service user in [keystone_authtoken]: %w", err)
	}
	return nil
}

// isLoopback holds of a name only if it is sure to stay on this machine.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	return ip.Unmap().IsLoopback()
}

// checkPorts finds two listeners in each other's way.
func (c *Config) checkPorts() error {
	api, admin, agents := c.API.Port, c.Arqd.AdminPort, c.Agents.Port
	var errs []error
	if api == admin && api != 0 && sameHost(c.API.HostIP, c.Arqd.AdminHost) {
		errs = append(errs, c.fault("arqd", "admin_port", "%d is the port of the API too ([api] port)", admin))
	}
	if !c.Agents.Enabled() || agents == 0 {
		return errors.Join(errs...)
	}
	if agents == api && sameHost(c.Agents.HostIP, c.API.HostIP) {
		errs = append(errs, c.fault("agents", "port", "%d is the port of the API too ([api] port)", agents))
	}
	if agents == admin && sameHost(c.Agents.HostIP, c.Arqd.AdminHost) {
		errs = append(errs, c.fault("agents", "port", "%d is the port of the operators' listener too ([arqd] admin_port)", agents))
	}
	return errors.Join(errs...)
}

// checkAgents keeps tokens off the wire, and says what of [agents] has no effect.
func (c *Config) checkAgents() error {
	a := &c.Agents
	if a.CAFile != "" && a.CertFile == "" && a.KeyFile == "" {
		return c.fault("agents", "ca_file", "without cert_file and key_file there is no TLS to show a certificate in")
	}
	_, err := c.AgentsTLS()
	switch {
	case err != nil:
		return err
	case !a.Enabled() && a.SSL != (SSL{}):
		return c.fault("agents", "cert_file", "without ca_file or token_file no agent could show who it is")
	case a.Enabled() && a.SSL == (SSL{}) && !isLoopback(a.HostIP):
		return c.fault("agents", "token_file",
			"without cert_file and key_file tokens would go over the wire in the clear, so it needs a loopback address in host_ip, not %s", a.HostIP)
	}
	return nil
}

// sameHost says whether two listeners could meet on one address.
func sameHost(a, b string) bool {
	switch {
	case a == b || isAny(a) || isAny(b):
		return true
	case a == "localhost":
		return isLoopback(b)
	case b == "localhost":
		return isLoopback(a)
	default:
		return false
	}
}

func isAny(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}

func (c *Config) checkFake() error {
	seen := make(map[string]bool)
	for _, host := range c.Fake.Hosts {
		if seen[host] {
			return c.fault("fake", "hosts", "names %q twice", host)
		}
		seen[host] = true
	}
	return nil
}
