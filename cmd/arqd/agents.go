package main

import (
	"fmt"

	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/http/agents"
)

// readAgents reads what tells agents from others: certificates, which are nil
// without TLS, and tokens.
func (s *service) readAgents() (*certificates, error) {
	if !s.cfg.Agents.Enabled() {
		return nil, nil //nolint:nilnil // no TLS is an answer, not a failure
	}
	if file := s.cfg.Agents.TokenFile; file != "" {
		tokens, err := agents.ReadTokens(file)
		if err != nil {
			return nil, fmt.Errorf("%s: [agents] token_file: %w", s.cfg.Source("agents", "token_file"), err)
		}
		s.tokens = tokens
	}
	return s.readCertificates(agentsSection)
}

// newAgents makes the listener for agents.
func (s *service) newAgents(backend agents.Backend, metrics *http.Metrics) {
	s.agents = agents.New(agents.Options{
		Log: s.log, Tokens: s.tokens, MaxConnections: maxAgentConnections(),
		ImageTimeout: s.cfg.Glance.DownloadTimeout,
	}, backend)
	metrics.SetAgents(func() http.AgentCounts {
		st := s.agents.Stats()
		return http.AgentCounts{
			Connections: st.Connections, Answers: st.Answers, Strangers: st.Strangers, Impostors: st.Impostors,
			HostCounts: s.system.HostCounts(), Health: s.system.HealthStats(),
		}
	})
}

// reloadTokens takes over a changed file, and says so.
func (s *service) reloadTokens() {
	if s.tokens == nil {
		return
	}
	switch changed, err := s.tokens.Reload(); {
	case err != nil:
		s.log.Error("the tokens of agents were not taken over; those in use stay", "error", err)
	case changed:
		s.log.Info("tokens of agents reloaded")
	}
}
