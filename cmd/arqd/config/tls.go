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
	certPEM, certErr := c.readPEM("cert_file", c.SSL.CertFile, true)
	keyPEM, keyErr := c.readPEM("key_file", c.SSL.KeyFile, true)
	caPEM, caErr := c.readPEM("ca_file", c.SSL.CAFile, false)
	if err := errors.Join(certErr, keyErr, caErr); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, c.fault("ssl", "cert_file", "%s and key_file %s do not make a certificate: %w",
			c.SSL.CertFile, c.SSL.KeyFile, err)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if caPEM == nil {
		return conf, nil
	}
	conf.ClientAuth = tls.RequireAndVerifyClientCert
	conf.ClientCAs = x509.NewCertPool()
	if !conf.ClientCAs.AppendCertsFromPEM(caPEM) {
		return nil, c.fault("ssl", "ca_file", "%s holds no certificate", c.SSL.CAFile)
	}
	return conf, nil
}

func (c *Config) readPEM(option, name string, required bool) ([]byte, error) {
	if name == "" {
		if required {
			return nil, c.fault("ssl", option, "must be set when [api] enable_ssl_api is on")
		}
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, c.fault("ssl", option, "%w", err)
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
