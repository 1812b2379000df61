package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
)

// TLSConfig reads the files of [ssl]; it is nil when the API is served without
// TLS. With a ca_file every client must show a certificate of it. Errors name
// the option at fault.
func (c *Config) TLSConfig() (*tls.Config, error) {
	if !c.API.EnableSSLAPI {
		return nil, nil //nolint:nilnil // no TLS is an answer, not a failure
	}
	return c.readTLS("ssl", &c.SSL, "must be set when [api] enable_ssl_api is on")
}

// AgentsTLS reads the files of [agents]; it is nil when agents are listened to
// without TLS. A certificate of ca_file is wanted of every agent, unless there
// are tokens to show instead.
func (c *Config) AgentsTLS() (*tls.Config, error) {
	a := &c.Agents
	if a.SSL == (SSL{}) {
		return nil, nil //nolint:nilnil // no TLS is an answer, not a failure
	}
	conf, err := c.readTLS("agents", &a.SSL, "must be set with the other files of TLS")
	if err == nil && a.CAFile != "" && a.TokenFile != "" {
		conf.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return conf, err
}

func (c *Config) readTLS(group string, files *SSL, why string) (*tls.Config, error) {
	certPEM, certErr := c.readPEM(group, "cert_file", files.CertFile, why)
	keyPEM, keyErr := c.readPEM(group, "key_file", files.KeyFile, why)
	caPEM, caErr := c.readPEM(group, "ca_file", files.CAFile, "")
	if err := errors.Join(certErr, keyErr, caErr); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, c.fault(group, "cert_file", "%s and key_file %s do not make a certificate: %w",
			files.CertFile, files.KeyFile, err)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if caPEM == nil {
		return conf, nil
	}
	conf.ClientAuth = tls.RequireAndVerifyClientCert
	conf.ClientCAs = x509.NewCertPool()
	if !conf.ClientCAs.AppendCertsFromPEM(caPEM) {
		return nil, c.fault(group, "ca_file", "%s holds no certificate", files.CAFile)
	}
	return conf, nil
}

// readPEM reads a file; why says that it must be set, if it must.
func (c *Config) readPEM(group, option, name, why string) ([]byte, error) {
	if name == "" {
		if why != "" {
			return nil, c.fault(group, option, "%s", why)
		}
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, c.fault(group, option, "%w", err)
	}
	return data, nil
}

// unusedTLS warns of an API that is served in the clear although it was given
// certificates.
func (c *Config) unusedTLS() []Warning {
	if c.API.EnableSSLAPI {
		return nil
	}
	for _, name := range []string{"cert_file", "key_file", "ca_file"} {
		k := key{"ssl", name}
		if s := c.settings[k]; s.text != "" {
			return []Warning{{s.from.String(), k.String() + ": is not used, because [api] enable_ssl_api is off"}}
		}
	}
	return nil
}
