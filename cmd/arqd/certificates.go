package main

import (
	"context"
	"crypto/tls"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/arqd/arqd/cmd/arqd/config"
)

// certificatesInterval is how often the files of [ssl] are looked at.
const certificatesInterval = 10 * time.Second

// certificates are those that the API is served with. New connections get the
// newest; those that are open stay.
type certificates struct {
	current atomic.Pointer[tls.Config]

	mu   sync.Mutex // of those who look at the files
	cfg  *config.Config
	seen map[string]time.Time // files and when they were changed
}

// newCertificates reads the files; nil: the API is served without TLS.
func newCertificates(cfg *config.Config) (*certificates, error) {
	c := &certificates{cfg: cfg, seen: modified(cfg)}
	conf, err := cfg.TLSConfig()
	if conf == nil || err != nil {
		return nil, err
	}
	c.current.Store(conf)
	return c, nil
}

// serving is the configuration of a listener.
func (c *certificates) serving() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	}
}

// modified tells when each file of [ssl] was changed. A file that is not there
// has the zero time.
func modified(cfg *config.Config) map[string]time.Time {
	times := map[string]time.Time{}
	for _, name := range []string{cfg.SSL.CertFile, cfg.SSL.KeyFile, cfg.SSL.CAFile} {
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
	now := modified(cfg)
	if maps.EqualFunc(now, c.seen, time.Time.Equal) {
		return false, nil
	}
	c.seen = now
	conf, err := cfg.TLSConfig()
	if err != nil || conf == nil {
		return false, err
	}
	c.cfg = cfg
	c.current.Store(conf)
	return true, nil
}

// reloadCertificates takes over new files, and says so; see reload.
func (s *service) reloadCertificates(cfg *config.Config) {
	if s.certificates == nil {
		return
	}
	switch changed, err := s.certificates.reload(cfg); {
	case err != nil:
		s.log.Error("the certificates were not taken over; those in use stay", "error", err)
	case changed:
		s.log.Info("certificates reloaded", "not_after", s.certificates.notAfter())
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

// watchCertificates looks at the files now and then: who renews them need not
// send a signal.
func (s *service) watchCertificates(ctx context.Context) {
	tick := time.NewTicker(certificatesInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.reloadCertificates(nil)
		}
	}
}
