package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// keyPair writes a self-signed certificate and its key.
func keyPair(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return writeAs(t, filepath.Join(dir, name+".crt"), block("CERTIFICATE", cert)),
		writeAs(t, filepath.Join(dir, name+".key"), block("PRIVATE KEY", der))
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, private := keyPair(t, dir, "one")
	_, other := keyPair(t, dir, "two")
	none := filepath.Join(dir, "none")
	notPEM := writeAs(t, filepath.Join(dir, "text"), "hello")
	const on = "ARQD_API__ENABLE_SSL_API=yes"
	set := func(cert, key, ca string) []string {
		return []string{on, "ARQD_SSL__CERT_FILE=" + cert, "ARQD_SSL__KEY_FILE=" + key, "ARQD_SSL__CA_FILE=" + ca}
	}
	tests := []struct {
		name    string
		environ []string
		want    string
	}{
		{"certificate and key", set(cert, private, ""), ""},
		{"certificate, key and authority", set(cert, private, cert), ""},
		{"headers from certified peers", append(set(cert, private, cert), "ARQD_API__AUTH_STRATEGY=headers", "ARQD_API__HOST_IP=0.0.0.0"), ""},
		{
			"no files",
			[]string{on},
			"default: [ssl] cert_file: must be set when [api] enable_ssl_api is on\n" +
				"default: [ssl] key_file: must be set when [api] enable_ssl_api is on",
		},
		{"a file that is not there", set(none, private, ""), "environment ARQD_SSL__CERT_FILE: [ssl] cert_file: open " + none + ": no such file or directory"},
		{"no certificate", set(notPEM, private, ""), "environment ARQD_SSL__CERT_FILE: [ssl] cert_file: " + notPEM + " and key_file " + private + " do not make a certificate: "},
		{"the key of another", set(cert, other, ""), "environment ARQD_SSL__CERT_FILE: [ssl] cert_file: " + cert + " and key_file " + other + " do not make a certificate: "},
		{"no authority", set(cert, private, notPEM), "environment ARQD_SSL__CA_FILE: [ssl] ca_file: " + notPEM + " holds no certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Load(nil, tt.environ)
			if strings.HasSuffix(tt.want, ": ") && err != nil { // what follows are crypto/tls's words
				if !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("got error %q, want %q...", err, tt.want)
				}
				return
			}
			expectError(t, err, tt.want)
		})
	}

	conf, err := mustLoad(t, nil, set(cert, private, "")).TLSConfig()
	if err != nil || conf.ClientAuth != tls.NoClientCert || len(conf.Certificates) != 1 {
		t.Errorf("without an authority: %+v, %v", conf, err)
	}
	conf, err = mustLoad(t, nil, set(cert, private, cert)).TLSConfig()
	if err != nil || conf.ClientAuth != tls.RequireAndVerifyClientCert || conf.ClientCAs == nil {
		t.Errorf("with an authority: %+v, %v", conf, err)
	}
	if conf, err := mustLoad(t, nil, nil).TLSConfig(); conf != nil || err != nil {
		t.Errorf("without TLS: %v, %v", conf, err)
	}
}
