package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// authority is a certificate authority of a test.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), key: newKey(t)}
	template := certificate("test authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	a.cert = a.sign(template, template, &a.key.PublicKey)
	a.pem("ca.pem", "CERTIFICATE", a.cert.Raw)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certificate(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

func (a *authority) sign(template, parent *x509.Certificate, public *ecdsa.PublicKey) *x509.Certificate {
	a.t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) pem(file, kind string, raw []byte) {
	writeFile(a.t, a.path(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}))
}

// issue writes NAME.pem and NAME.key.
func (a *authority) issue(name string) {
	a.t.Helper()
	key := newKey(a.t)
	a.pem(name+".pem", "CERTIFICATE", a.sign(certificate(name), a.cert, &key.PublicKey).Raw)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.pem(name+".key", "PRIVATE KEY", raw)
}

// transport trusts the authority and shows the certificate of the name, if any.
func (a *authority) transport(name string) *http.Transport {
	a.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	conf := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if name != "" {
		pair, err := tls.LoadX509KeyPair(a.path(name+".pem"), a.path(name+".key"))
		if err != nil {
			a.t.Fatal(err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{TLSClientConfig: conf}
}

func (a *authority) serving() options {
	return options{
		"api.enable_ssl_api": "true",
		"ssl.cert_file":      a.path("server.pem"),
		"ssl.key_file":       a.path("server.key"),
	}
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	a.issue("server")
	p := start(t, a.serving())
	if !strings.HasPrefix(p.api, "https://") {
		t.Fatalf("arqd announces %s, want https", p.api)
	}
	c := newClient(t, p.api+"/v2", a.transport(""))
	c.createProfile("one", 1)
	c.bind(c.deployable(), newUUID(), c.create("one")...)
	p.checkHandles(c, 16)
	link := string(c.want(200, http.MethodGet, "", nil).body)
	if !strings.Contains(link, `"`+p.api+`/accelerator/v2`) {
		t.Errorf("links do not lead over https: %s", link)
	}
	// Plain HTTP on the TLS port gets no answer of the service, nor disturbs it.
	if got, err := newClient(t, "http://"+host(p.api), &http.Transport{}).do(http.MethodGet, "/", nil); err == nil && got.status != 400 {
		t.Errorf("plain HTTP on the TLS port: status %d", got.status)
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		old := a.transport("")
		old.TLSClientConfig.MinVersion, old.TLSClientConfig.MaxVersion = version, version
		if _, err := newClient(t, p.api, old).do(http.MethodGet, "/", nil); err == nil {
			t.Errorf("%s is spoken", tls.VersionName(version))
		}
	}
	c.want(200, http.MethodGet, "/devices", nil)
}

// TestClientCertificates: with ca_file only clients with a certificate of that
// authority get in, and then identity headers are believed.
func TestClientCertificates(t *testing.T) {
	a, foreign := newAuthority(t), newAuthority(t)
	a.issue("server")
	a.issue("proxy")
	foreign.issue("stranger")
	opts := a.serving()
	opts["ssl.ca_file"] = a.path("ca.pem")
	opts["api.auth_strategy"] = "headers"
	p := start(t, opts)
	known := newClient(t, p.api+"/v2", a.transport("proxy"))
	known.with(as("admin")).want(200, http.MethodGet, "/devices", nil)
	known.want(401, http.MethodGet, "/devices", nil)
	if got, err := newClient(t, p.api+"/v2", a.transport("")).do(http.MethodGet, "/devices", nil); err == nil {
		t.Errorf("without a client certificate: status %d", got.status)
	}
	strange := foreign.transport("stranger")
	strange.TLSClientConfig.RootCAs = a.transport("").TLSClientConfig.RootCAs
	if got, err := newClient(t, p.api+"/v2", strange).do(http.MethodGet, "/devices", nil); err == nil {
		t.Errorf("with a certificate of another authority: status %d", got.status)
	}
}

// TestCertificatesAreRenewed: new files are shown to new connections, at once
// after a SIGHUP and soon without one; bad ones change nothing.
func TestCertificatesAreRenewed(t *testing.T) {
	a := newAuthority(t)
	a.issue("server")
	p := start(t, a.serving())
	p.mayFail = true // bad files are an error in the log
	shown := func() string {
		conn, err := tls.Dial("tcp", host(p.api), a.transport("").TLSClientConfig)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	open := newClient(t, p.api+"/v2", a.transport(""))
	open.want(200, http.MethodGet, "/devices", nil)
	first := shown()
	a.issue("server")
	p.signal(syscall.SIGHUP)
	eventually(t, readyLimit, "the new certificate is shown", func() bool { return shown() != first })
	second := shown()
	open.want(200, http.MethodGet, "/devices", nil)

	writeFile(t, a.path("server.pem"), []byte("half a certi"))
	p.signal(syscall.SIGHUP)
	p.awaitLog(readyLimit, "the configuration was not reloaded")
	if shown() != second {
		t.Error("another certificate is shown after bad files")
	}
	a.issue("server")
	eventually(t, readyLimit, "the next certificate is shown, without a signal", func() bool { return shown() != second })
	open.want(200, http.MethodGet, "/devices", nil)
}

func TestBadCertificates(t *testing.T) {
	a := newAuthority(t)
	a.issue("server")
	a.issue("other")
	writeFile(t, a.path("garbage.pem"), []byte("no certificate at all\n"))
	missing := a.path("missing")
	cases := []struct {
		name, option, value string
		wants               []string
	}{
		{"no certificate", "ssl.cert_file", missing, []string{"cert_file", missing}},
		{"no key", "ssl.key_file", missing, []string{"key_file", missing}},
		{"no key named", "ssl.key_file", "", []string{"key_file"}},
		{"garbage for a certificate", "ssl.cert_file", a.path("garbage.pem"), []string{"cert_file"}},
		{"garbage for a key", "ssl.key_file", a.path("garbage.pem"), []string{"key_file"}},
		{"the key of another certificate", "ssl.key_file", a.path("other.key"), []string{"key_file"}},
		{"garbage for the authorities", "ssl.ca_file", a.path("garbage.pem"), []string{"ca_file"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			opts := a.serving()
			opts[c.option] = c.value
			newNode(t, opts).refuse(t, c.wants...)
		})
	}
}
