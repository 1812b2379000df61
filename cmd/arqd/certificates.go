package main

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/arqd/arqd/cmd/arqd/config"
)

// certificatesInterval is how often the files are looked at.
const certificatesInterval = 10 * time.Second

// certificates are those that a listener is served with. New connections get the
// newest; those that are open stay.
type certificates struct {
	section section
	current atomic.Pointer[tls.Config]

	mu   sync.Mutex // of those who look at the files
	cfg  *config.Config
	seen map[string]time.Time // files and when they were changed
}

// section is where the files of a listener are named.
type section struct {
	name  string
	files func(*config.Config) config.SSL
	read  func(*config.Config) (*tls.Config, error)
}

var (
	sslSection = section{
		"ssl", func(c *config.Config) config.SSL { return c.SSL }, (*config.Config).TLSConfig,
	}
	agentsSection = section{
		"agents", func(c *config.Config) config.SSL { return c.Agents.SSL }, (*config.Config).AgentsTLS,
	}
)

// newCertificates reads the files; nil: the listener is served without TLS.
func newCertificates(cfg *config.Config, of section) (*certificates, error) {
	c := &certificates{section: of, cfg: cfg, seen: of.modified(cfg)}
	conf, err := of.read(cfg)
	if conf == nil || err != nil {
		return nil, err
	}
	c.current.Store(conf)
	return c, nil
}

// readCertificates reads those of a section, to be watched from here on.
func (s *service) readCertificates(of section) (*certificates, error) {
	c, err := newCertificates(s.cfg, of)
	if c != nil {
		s.certificates = append(s.certificates, c)
	}
	return c, err
}

// over is a listener with TLS; without certificates it stays what it is.
func (c *certificates) over(ln net.Listener) net.Listener {
	if c == nil {
		return ln
	}
	return tls.NewListener(ln, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	})
}

// modified tells when each file of the section was changed. A file that is not
// there has the zero time.
func (s *section) modified(cfg *config.Config) map[string]time.Time {
	times := map[string]time.Time{}
	files := s.files(cfg)
	for _, name := range []string{files.CertFile, files.KeyFile, files.CAFile} {
		if info, err := os.Stat(name); err == nil {
			times[name] = info.ModTime()
		} else {
			times[name] = time.Time{}
		}
	}
	return times
}

// reload takes over the files that cfg names, or, where it is nil, those that
// are in effect, if they are others than before or have changed. After an error
// everything stays as it was, and the same files are not tried again.
func (c *certificates) reload(cfg *config.Config) (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cfg == nil {
		cfg = c.cfg
	}
	now := c.section.modified(cfg)
	if maps.EqualFunc(now, c.seen, time.Time.Equal) {
		return false, nil
	}
	c.seen = now
	conf, err := c.section.read(cfg)
	if err != nil || conf == nil {
		return false, err
	}
	c.cfg = cfg
	c.current.Store(conf)
	return true, nil
}

// reloadCertificates takes over new files, and says so; see reload.
func (s *service) reloadCertificates(cfg *config.Config) {
	for _, c := range s.certificates {
		switch changed, err := c.reload(cfg); {
		case err != nil:
			s.log.Error("the certificates were not taken over; those in use stay", "section", c.section.name, "error", err)
		case changed:
			s.log.Info("certificates reloaded", "section", c.section.name, "not_after", c.notAfter())
		}
	}
}

// notAfter is until when the certificate in use is valid.
func (c *certificates) notAfter() time.Time {
	for _, pair := range c.current.Load().Certificates {
		if pair.Leaf != nil {
			return pair.Leaf.NotAfter
		}
	}
	return time.Time{}
}

// watchCertificates looks at the files now and then, and at the tokens of agents:
// who renews them need not send a signal.
func (s *service) watchCertificates(ctx context.Context) {
	tick := time.NewTicker(certificatesInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.reloadCertificates(nil)
			s.reloadTokens()
		}
	}
}
