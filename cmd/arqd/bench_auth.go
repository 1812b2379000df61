package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/arqd/arqd/bench/rest"
	"github.com/arqd/arqd/http/openstack"
)

const benchDefaultURL = "http://127.0.0.1:6666/v2"

// adminHeaders are those of an authenticating proxy for an administrator who
// comes with a service token.
var adminHeaders = []rest.Header{
	{Name: "X-Identity-Status", Value: "Confirmed"},
	{Name: "X-User-Id", Value: "arqd-bench"},
	{Name: "X-Project-Id", Value: "arqd-bench"},
	{Name: "X-Roles", Value: "admin,manager,member,reader"},
	{Name: "X-Service-Token", Value: "arqd-bench"},
	{Name: "X-Service-Identity-Status", Value: "Confirmed"},
	{Name: "X-Service-User-Id", Value: "arqd-bench"},
	{Name: "X-Service-Project-Id", Value: "arqd-bench"},
	{Name: "X-Service-Roles", Value: "service"},
}

// benchAuth is a rest.Auth with what a client needs besides.
type benchAuth struct {
	url           string
	tls           *tls.Config
	fixed         []rest.Header
	user, service *openstack.Session // nil: none
}

// authenticate finds out as whom to come, and where to.
func (b *benchFlags) authenticate(ctx context.Context, environ []string) (*benchAuth, error) {
	env := openrc(environ)
	connection := env.connection()
	connection.Insecure = connection.Insecure || b.insecure
	if b.cacert != "" {
		connection.CAFile = b.cacert
	}
	conf, err := connection.TLS()
	if err != nil {
		return nil, err
	}
	a := &benchAuth{url: b.url, tls: conf, fixed: b.headers}
	switch b.auth {
	case "none":
	case "headers":
		if len(b.headers) == 0 {
			a.fixed = adminHeaders
		}
	case "keystone":
		if err := a.keystone(ctx, env, connection); err != nil {
			a.close()
			return nil, err
		}
	default:
		return nil, fmt.Errorf("--auth %s: none, headers and keystone are the ways to authenticate", b.auth)
	}
	if a.url == "" {
		a.url = benchDefaultURL
	}
	return a, nil
}

func (a *benchAuth) keystone(ctx context.Context, env environment, connection openstack.Connection) (err error) {
	if a.user, err = openstack.NewSession(env.credentials("OS_"), connection); err != nil {
		return fmt.Errorf("OS_*: %w", err)
	}
	if env["OS_SERVICE_PASSWORD"] != "" || env["OS_SERVICE_APPLICATION_CREDENTIAL_SECRET"] != "" {
		if a.service, err = openstack.NewSession(env.credentials("OS_SERVICE_"), connection); err != nil {
			return fmt.Errorf("OS_SERVICE_*: %w", err)
		}
	}
	if a.url == "" {
		a.url, err = a.user.Endpoint(ctx, openstack.Service{
			Type: "accelerator", Region: env["OS_REGION_NAME"], Interfaces: []string{env.or("OS_INTERFACE", "public")},
		})
		a.url = strings.TrimSuffix(a.url, "/")
	}
	return err
}

func (a *benchAuth) close() {
	for _, s := range []*openstack.Session{a.user, a.service} {
		if s != nil {
			s.Close()
		}
	}
}

const (
	tokenHeader        = "X-Auth-Token"
	serviceTokenHeader = "X-Service-Token"
)

// Headers is part of rest.Auth: sessions renew their tokens before they end.
func (a *benchAuth) Headers(ctx context.Context) ([]rest.Header, error) {
	if a.user == nil {
		return a.fixed, nil
	}
	headers := slices.Clip(a.fixed)
	token, err := a.user.Token(ctx)
	if err != nil {
		return nil, err
	}
	headers = append(headers, rest.Header{Name: tokenHeader, Value: token})
	if a.service == nil {
		return headers, nil
	}
	if token, err = a.service.Token(ctx); err != nil {
		return nil, err
	}
	return append(headers, rest.Header{Name: serviceTokenHeader, Value: token}), nil
}

// Renew is part of rest.Auth. Which of two tokens was refused nobody says.
func (a *benchAuth) Renew(ctx context.Context, refused []rest.Header) (bool, error) {
	for _, h := range refused {
		session := a.user
		if h.Name == serviceTokenHeader {
			session = a.service
		}
		if session == nil || h.Name != tokenHeader && h.Name != serviceTokenHeader {
			continue
		}
		if err := session.Renew(ctx, h.Value); err != nil {
			return false, err
		}
	}
	return a.user != nil, nil
}

// environment is what the environment has for clients of OpenStack.
type environment map[string]string

func openrc(environ []string) environment {
	env := environment{}
	for _, line := range environ {
		if name, value, _ := strings.Cut(line, "="); strings.HasPrefix(name, "OS_") {
			env[name] = value
		}
	}
	return env
}

func (e environment) or(name, otherwise string) string {
	if v := e[name]; v != "" {
		return v
	}
	return otherwise
}

func (e environment) connection() openstack.Connection {
	return openstack.Connection{
		CAFile: e["OS_CACERT"], CertFile: e["OS_CERT"], KeyFile: e["OS_KEY"],
		Insecure: e["OS_INSECURE"] == "true" || e["OS_INSECURE"] == "1",
		Timeout:  10 * time.Second, Retries: 3,
	}
}

// credentials are those of the variables with a prefix. What says where, and not
// who, is the same for all of them.
func (e environment) credentials(prefix string) openstack.Credentials {
	get := func(name string) string { return e[prefix+name] }
	shared := func(name string) string { return e.or(prefix+name, e["OS_"+name]) }
	c := openstack.Credentials{
		AuthType: openstack.AuthType(e.or(prefix+"AUTH_TYPE", string(openstack.AuthPassword))),
		AuthURL:  shared("AUTH_URL"),
		UserID:   get("USER_ID"), Username: get("USERNAME"), Password: get("PASSWORD"),
		UserDomainID: get("USER_DOMAIN_ID"), UserDomainName: get("USER_DOMAIN_NAME"),
		ProjectID: get("PROJECT_ID"), ProjectName: get("PROJECT_NAME"),
		ProjectDomainID: get("PROJECT_DOMAIN_ID"), ProjectDomainName: get("PROJECT_DOMAIN_NAME"),
		ApplicationCredentialID:     get("APPLICATION_CREDENTIAL_ID"),
		ApplicationCredentialName:   get("APPLICATION_CREDENTIAL_NAME"),
		ApplicationCredentialSecret: get("APPLICATION_CREDENTIAL_SECRET"),
	}
	if c.ApplicationCredentialSecret != "" {
		c.AuthType = openstack.AuthApplicationCredential
	}
	if c.UserDomainID+c.UserDomainName == "" {
		c.UserDomainID, c.UserDomainName = shared("USER_DOMAIN_ID"), shared("USER_DOMAIN_NAME")
	}
	if c.ProjectDomainID+c.ProjectDomainName == "" {
		c.ProjectDomainID, c.ProjectDomainName = shared("PROJECT_DOMAIN_ID"), shared("PROJECT_DOMAIN_NAME")
	}
	return c
}
