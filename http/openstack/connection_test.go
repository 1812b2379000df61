package openstack

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

func writePEM(t *testing.T, kind string, raw []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestTLSToKeystone(t *testing.T) {
	k := openstacktest.NewKeystoneTLS(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	})
	ca := writePEM(t, "CERTIFICATE", k.Certificate().Raw)
	for name, c := range map[string]struct {
		connection Connection
		ok         bool
	}{
		"its authority":           {Connection{CAFile: ca}, true},
		"the system's":            {Connection{}, false},
		"any, as the option says": {Connection{Insecure: true}, true},
	} {
		c.connection.Retries, c.connection.Pause = quick.Retries, quick.Pause
		s := session(t, nova(k), c.connection)
		before := len(k.Auths())
		_, err := s.Client(t.Context(), identity)
		if (err == nil) != c.ok || !c.ok && !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		if !c.ok && len(k.Auths()) != before {
			t.Errorf("%s: the password was sent", name)
		}
	}
}

func TestClientCertificateIsShown(t *testing.T) {
	k := openstacktest.NewKeystoneTLS(t, func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	})
	own := k.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	ca := writePEM(t, "CERTIFICATE", k.Certificate().Raw)
	with := Connection{CAFile: ca, CertFile: ca, KeyFile: writePEM(t, "PRIVATE KEY", key)}
	if _, err := session(t, nova(k), with).Client(t.Context(), identity); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	if _, err := session(t, nova(k), Connection{CAFile: ca}).Client(t.Context(), identity); !errors.Is(err, ErrUnreachable) {
		t.Errorf("without a certificate: %v", err)
	}
}

func TestBadCertificateFiles(t *testing.T) {
	empty := writePEM(t, "NOTHING", nil)
	for option, c := range map[string]Connection{
		"cafile: open":   {CAFile: "/nowhere.pem"},
		"holds no certi": {CAFile: empty},
		"certfile: open": {CertFile: "/nowhere.pem"},
		"certfile: tls":  {CertFile: empty, KeyFile: empty},
	} {
		if _, err := c.TLS(); err == nil || !strings.Contains(err.Error(), option) {
			t.Errorf("%v, want %s", err, option)
		}
	}
}
