package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"strings"
)

// leastToken is how long a token is at least; the service has the same bound.
const leastToken = 16

// CheckAgentRuns says why an agent cannot run with this configuration, though it
// may do to look with.
func (c *Config) CheckAgentRuns() error {
	a := &c.Agent
	var errs []error
	if a.ServiceURL == "" {
		errs = append(errs, c.fault("agent", "service_url", "must be set for the agent to run"))
	}
	if a.CertFile == "" && a.TokenFile == "" {
		errs = append(errs, c.fault("agent", "cert_file", "or token_file must be set: without them the agent cannot show who it is"))
	}
	if u, err := url.Parse(a.ServiceURL); err == nil && u.Scheme == "http" {
		if !isLoopback(u.Hostname()) {
			errs = append(errs, c.fault("agent", "service_url",
				"%s is not https, and not on a loopback address: a token would go over the wire in the clear", a.ServiceURL))
		}
		if a.CertFile != "" || a.CAFile != "" {
			errs = append(errs, c.fault("agent", "service_url", "%s is not https: cert_file and ca_file would have no effect", a.ServiceURL))
		}
	}
	if len(errs) == 0 {
		_, _, err := c.AgentIdentity()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// AgentIdentity reads the files of [agent]: the TLS configuration, nil where the
// service is spoken to without TLS, and the token, "" where there is none.
func (c *Config) AgentIdentity() (conf *tls.Config, token string, err error) {
	token, err = c.agentToken()
	if strings.HasPrefix(c.Agent.ServiceURL, "https:") {
		var errTLS error
		conf, errTLS = c.agentTLS()
		err = errors.Join(err, errTLS)
	}
	return conf, token, err
}

func (c *Config) agentToken() (string, error) {
	text, err := c.readPEM("agent", "token_file", c.Agent.TokenFile, "")
	if err != nil || text == nil {
		return "", err
	}
	if info, err := os.Stat(c.Agent.TokenFile); err == nil && info.Mode().Perm()&0o007 != 0 {
		return "", c.fault("agent", "token_file", "others may read or write %s; chmod o= would keep the token from them", c.Agent.TokenFile)
	}
	words := strings.Fields(string(text))
	if len(words) != 1 || len(words[0]) < leastToken {
		return "", c.fault("agent", "token_file", "%s must hold one token of %d characters or more, and nothing else", c.Agent.TokenFile, leastToken)
	}
	return words[0], nil
}

func (c *Config) agentTLS() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	caPEM, err := c.readPEM("agent", "ca_file", c.Agent.CAFile, "")
	if err != nil {
		return nil, err
	}
	if caPEM != nil {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(caPEM) {
			return nil, c.fault("agent", "ca_file", "%s holds no certificate", c.Agent.CAFile)
		}
	}
	if c.Agent.CertFile == "" && c.Agent.KeyFile == "" {
		return conf, nil
	}
	certPEM, certErr := c.readPEM("agent", "cert_file", c.Agent.CertFile, "must be set with key_file")
	keyPEM, keyErr := c.readPEM("agent", "key_file", c.Agent.KeyFile, "must be set with cert_file")
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, c.fault("agent", "cert_file", "%s and key_file %s do not make a certificate: %w", c.Agent.CertFile, c.Agent.KeyFile, err)
	}
	conf.Certificates = []tls.Certificate{pair}
	return conf, nil
}
