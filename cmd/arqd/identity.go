package main

import (
	"time"

	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/http/auth"
	"github.com/arqd/arqd/http/openstack"
	"github.com/arqd/arqd/http/openstack/keystone"
)

// newEnforcer loads the policy of the configuration.
func newEnforcer(cfg *config.Config) (*auth.Enforcer, error) {
	set := auth.SetNew
	if !cfg.OsloPolicy.EnforceNewDefaults {
		set = auth.SetLegacy
	}
	var options []auth.Option
	if !cfg.OsloPolicy.EnforceScope {
		options = append(options, auth.AnyScope())
	}
	// config has refused a missing file that was asked for; the default one may
	// come and go.
	return auth.NewEnforcerWithOptionalFile(set, cfg.OsloPolicy.PolicyFile, options...)
}

// newValidator makes what [api] auth_strategy names. Keystone need not be there
// yet.
func (s *service) newValidator(metrics *http.Metrics) (auth.Validator, error) {
	switch s.cfg.API.AuthStrategy {
	case config.AuthKeystone:
		return s.newKeystone(metrics)
	case config.AuthHeaders:
		return auth.NewHeaders(s.cfg.KeystoneAuthtoken.ServiceTokenRoles), nil
	case config.AuthNone:
	}
	return auth.None{}, nil
}

func (s *service) newKeystone(metrics *http.Metrics) (*keystone.Validator, error) {
	c := &s.cfg.KeystoneAuthtoken
	session, err := openstack.NewSession(c.Credentials, c.Connection)
	if err != nil {
		return nil, err
	}
	s.keystone = session
	cacheTime := c.TokenCacheTime
	if cacheTime <= 0 {
		cacheTime = -time.Second
	}
	validator := keystone.New(session, keystone.Options{
		Interface: c.Interface, Region: c.Region, CacheTime: cacheTime,
		ServiceTokenRoles: c.ServiceTokenRoles, AnyServiceToken: !c.ServiceTokenRolesRequired,
		ServiceType: c.ServiceType, Log: s.log,
	})
	metrics.SetTokens(func() http.TokenCounts {
		st := validator.Stats()
		return http.TokenCounts{
			Remembered: st.Hits, Valid: st.Valid, Refused: st.Refused, Unavailable: st.Unavailable,
			Kept: st.Remembered, Away: st.Away,
		}
	})
	if c.Connection.Insecure {
		s.log.Warn("[keystone_authtoken] insecure: whoever answers is believed to be Keystone")
	}
	return validator, nil
}
