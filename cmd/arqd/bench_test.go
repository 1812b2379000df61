package main

import (
	"bytes"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/arqd/arqd/bench/rest"
	"github.com/arqd/arqd/http/openstack"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

func benchAuthOf(t *testing.T, environ []string, args ...string) (*benchAuth, error) {
	t.Helper()
	b := newBenchFlags("create", io.Discard)
	if err := b.parse(append([]string{"create"}, args...)); err != nil {
		t.Fatal(err)
	}
	a, err := b.authenticate(t.Context(), environ)
	if err == nil {
		t.Cleanup(a.close)
	}
	return a, err
}

func value(headers []rest.Header, name string) string {
	for _, h := range headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// TestBenchRenewsTokens of the user and of the service user, when they were
// refused.
func TestBenchRenewsTokens(t *testing.T) {
	k := openstacktest.NewKeystone(t)
	a, err := benchAuthOf(t, []string{
		"OS_AUTH_URL=" + k.URL, "OS_USERNAME=demo", "OS_PASSWORD=" + openstacktest.Password, "OS_USER_DOMAIN_NAME=Default",
		"OS_PROJECT_NAME=demo", "OS_PROJECT_DOMAIN_NAME=Default",
		"OS_SERVICE_USERNAME=nova", "OS_SERVICE_PASSWORD=" + openstacktest.Password, "OS_SERVICE_PROJECT_NAME=service",
	}, "--auth", "keystone", "--url", "http://h/v2")
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.Headers(t.Context())
	if err != nil || value(first, tokenHeader) == "" || value(first, tokenHeader) == value(first, serviceTokenHeader) {
		t.Fatalf("%v, %v", first, err)
	}
	k.RevokeIssued()
	if again, err := a.Renew(t.Context(), first); !again || err != nil {
		t.Fatalf("%t, %v", again, err)
	}
	second, err := a.Headers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{tokenHeader, serviceTokenHeader} {
		if value(second, name) == "" || value(second, name) == value(first, name) {
			t.Errorf("%s: not renewed", name)
		}
	}
	if got := len(k.Auths()); got != 4 {
		t.Errorf("%d authentications, want two of each", got)
	}
}

func TestBenchIdentities(t *testing.T) {
	for want, args := range map[string][]string{
		"":     {},
		"demo": {"--header", "X-User-Id=demo", "--auth", "headers"},
		"me":   {"--header", "X-User-Id=me"},
		// An administrator, where nobody is named.
		"arqd-bench": {"--auth", "headers"},
	} {
		a, err := benchAuthOf(t, nil, args...)
		if err != nil {
			t.Fatal(err)
		}
		headers, err := a.Headers(t.Context())
		if err != nil || value(headers, "X-User-Id") != want || a.url != benchDefaultURL {
			t.Errorf("%q: %v, %v, %s", args, headers, err, a.url)
		}
	}
	for want, args := range map[string][]string{
		"OS_*: auth_url": {"--auth", "keystone"}, "--auth saml": {"--auth", "saml"}, "cafile": {"--cacert", "/nope"},
	} {
		if _, err := benchAuthOf(t, nil, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

func TestCredentialsOfTheEnvironment(t *testing.T) {
	env := openrc([]string{
		"OS_AUTH_URL=u", "OS_USERNAME=demo", "OS_PASSWORD=p", "OS_PROJECT_NAME=demo", "OS_USER_DOMAIN_NAME=D", "OS_PROJECT_DOMAIN_ID=d",
		"OS_SERVICE_APPLICATION_CREDENTIAL_ID=i", "OS_SERVICE_APPLICATION_CREDENTIAL_SECRET=s", "PATH=/bin",
	})
	want := openstack.Credentials{
		AuthType: openstack.AuthPassword, AuthURL: "u", Username: "demo", Password: "p", ProjectName: "demo", UserDomainName: "D", ProjectDomainID: "d",
	}
	if got := env.credentials("OS_"); got != want {
		t.Errorf("%#v", got)
	}
	service := env.credentials("OS_SERVICE_")
	if service.AuthType != openstack.AuthApplicationCredential || service.ApplicationCredentialID != "i" || service.Username != "" || service.Check() != nil {
		t.Errorf("%#v", service)
	}
}

func TestFlagsMayFollowFiles(t *testing.T) {
	flags := flag.NewFlagSet("x", flag.ContinueOnError)
	flags.SetOutput(&bytes.Buffer{})
	html := flags.String("html", "", "")
	names, err := parseMixed(flags, []string{"a", "--html", "out", "b"})
	if err != nil || *html != "out" || len(names) != 2 || names[1] != "b" {
		t.Errorf("%v, %v, %s", names, err, *html)
	}
}
