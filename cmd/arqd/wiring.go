package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/http/auth"
)

// Do has the driver of the command's host carry it out.
func (h fakeHosts) Do(ctx context.Context, c devices.Command) error {
	driver := h[c.Host]
	if driver == nil {
		return fmt.Errorf("host %s has no agent and no fake devices", c.Host)
	}
	return driver.Do(ctx, c)
}

func (s *service) systemOptions() actors.Options {
	return actors.Options{
		Logger: s.log,
		HostCheck: map[config.HostCheck]actors.HostCheck{
			config.HostCheckEnforce: actors.HostCheckEnforce,
			config.HostCheckWarn:    actors.HostCheckWarn,
			config.HostCheckOff:     actors.HostCheckOff,
		}[s.cfg.Arqd.HostCheck],
		BindTimeout:    s.cfg.Arqd.BindTimeout,
		HoldFailed:     s.cfg.Arqd.HoldFailed && s.cfg.Nova.Enabled(),
		Deliveries:     s.deliveries(),
		CallTimeout:    s.cfg.API.RequestTimeout,
		MaxProfileARQs: s.cfg.Arqd.MaxARQsPerProfile,
		Quota:          actors.Quota{ARQs: s.cfg.Quota.MaxARQs, Unbound: s.cfg.Quota.MaxUnboundARQs},

		InventoryInterval: s.cfg.Placement.CheckInterval,

		LocalHosts:     s.cfg.Fake.Hosts,
		Lease:          s.cfg.Agents.Lease,
		HostDeadAfter:  s.cfg.Agents.DeadAfter,
		HealthHold:     s.cfg.Agents.HealthHold,
		NovaMakesMdevs: s.cfg.Arqd.MdevCreatedBy == config.MdevByNova,
	}
}

func (s *service) apiOptions() http.Options {
	c := &s.cfg.API
	return http.Options{
		PublicEndpoint:    c.PublicEndpoint,
		AuthURI:           s.cfg.KeystoneAuthtoken.WWWAuthenticateURI,
		MaxBodyBytes:      c.MaxBodyBytes,
		MaxHeaderBytes:    c.MaxHeaderBytes,
		ReadTimeout:       c.ReadTimeout,
		IdleTimeout:       c.IdleTimeout,
		MaxConnections:    maxConnections(s.cfg.Agents.Enabled()),
		MaxInflightWrites: c.MaxInflightWrites,
		ChangePatience:    cmp.Or(c.OverloadPatience, -1),
		QuietAccess:       !c.AccessLog,
		QuietAudit:        !c.AuditLog,
		RatePerProject:    c.RateLimit,
		RateBurst:         c.RateBurst,
		TrustedProxies:    s.trustedProxies(),
		CORS:              s.cors(),
		Log:               s.log,
	}
}

func (s *service) trustedProxies() []netip.Prefix {
	if !s.cfg.Middleware.ProxyHeaders {
		return nil
	}
	return s.cfg.Middleware.TrustedProxies
}

func (s *service) cors() http.CORS {
	c := &s.cfg.CORS
	return http.CORS{
		Origins: c.AllowedOrigin, Credentials: c.AllowCredentials, Expose: c.ExposeHeaders,
		Methods: c.AllowMethods, Headers: c.AllowHeaders, MaxAge: c.MaxAge,
	}
}

// policyInterval is how often the policy file is looked at.
const policyInterval = 5 * time.Second

// watchPolicy takes over changes of the policy file, also when it is told to
// look now. A bad file leaves the policy as it was, and is complained of once.
func (s *service) watchPolicy(ctx context.Context, enforcer *auth.Enforcer) {
	tick := time.NewTicker(policyInterval)
	defer tick.Stop()
	var complained error
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.lookNow:
			complained = nil
		}
		changed, err := enforcer.Reload()
		if err != nil && !errors.Is(err, complained) {
			s.log.Error("the policy file was not taken over; the policy stays as it was", "error", err)
		}
		complained = err
		if changed {
			s.log.Info("policy reloaded", "file", s.cfg.OsloPolicy.PolicyFile)
			for _, w := range enforcer.Policy().Warnings() {
				s.log.Warn("policy", "text", w)
			}
		}
	}
}

// makeStateDir makes the state directory and checks that it can be written.
func makeStateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("[DEFAULT]state_path: cannot make the state directory: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".writable-")
	if err != nil {
		return fmt.Errorf("[DEFAULT]state_path: the state directory is not writable: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// announce says in plain words what is running.
func (s *service) announce() {
	scheme := "http"
	if s.cfg.API.EnableSSLAPI {
		scheme = "https"
	}
	if s.bare {
		s.log.Info("no configuration file: this is the embedded default, to be tried out on this machine")
	}
	s.log.Info("arqd serves the accelerator API", "version", version,
		"url", scheme+"://"+s.listeners[0].Addr().String()+"/v2", "auth_strategy", s.cfg.API.AuthStrategy)
	s.log.Info("metrics, health and readiness are served", "url", "http://"+s.listeners[1].Addr().String())
	s.log.Info("state is kept on this machine", "directory", storeDir(s.cfg))
	switch s.cfg.API.AuthStrategy {
	case config.AuthKeystone:
		s.log.Info("tokens are checked with Keystone", "url", s.keystone.IdentityURL(), "as", s.cfg.KeystoneAuthtoken.Credentials)
	case config.AuthNone:
		s.log.Warn("auth_strategy is none: every caller on this machine is the administrator")
	case config.AuthHeaders:
	}
	if c := &s.cfg.Nova.Client; c.Enabled() {
		s.log.Info("nova is told of binds", "as", s.cfg.User(c).Credentials)
	} else {
		s.log.Info("events are only logged: nova is not told of binds")
	}
	if c := &s.cfg.Placement.Client; c.Enabled() {
		s.log.Info("devices are shown to the scheduler in Placement", "as", s.cfg.User(c).Credentials)
	}
	if c := &s.cfg.Glance.Client; c.Enabled() {
		s.log.Info("images are looked up in Glance", "as", s.cfg.User(c).Credentials)
	}
	if s.agents != nil {
		agentScheme := "http"
		if s.cfg.Agents.CertFile != "" {
			agentScheme = "https"
		}
		s.log.Info("agents of compute hosts are listened to", "url", agentScheme+"://"+s.listeners[2].Addr().String(),
			"certificates", s.cfg.Agents.CAFile != "", "tokens", s.tokens != nil)
	}
	if len(s.cfg.Fake.Hosts) > 0 {
		s.log.Info("fake devices are there to be bound", "hosts", s.cfg.Fake.Hosts,
			"devices_per_host", s.cfg.Fake.DevicesPerHost, "handles_per_device", s.cfg.Fake.HandlesPerDevice)
	}
	s.log.Info("ready")
}
