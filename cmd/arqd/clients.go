package main

import (
	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/http/openstack"
	"github.com/arqd/arqd/http/openstack/glance"
	"github.com/arqd/arqd/http/openstack/placement"
)

// newPlacement makes the client of Placement; nil: devices are not shown there.
// Placement need not be there yet.
func (s *service) newPlacement() (*placement.Client, error) {
	c := &s.cfg.Placement.Client
	if !c.Enabled() {
		return nil, nil
	}
	session, where, err := s.newClient("placement", c)
	if err != nil {
		return nil, err
	}
	return placement.New(session, where), nil
}

// newGlance makes the client of Glance; nil: there is no image service. Glance
// need not be there yet.
func (s *service) newGlance() (devices.Images, error) {
	c := &s.cfg.Glance
	if !c.Enabled() {
		return nil, nil
	}
	reading := c.Client // a question takes less time than an image
	reading.Connection.Timeout, reading.Connection.MaxBody = c.DownloadTimeout, glance.MaxImage
	session, where, err := s.newClient("glance", &reading)
	if err != nil {
		return nil, err
	}
	return glance.New(session, glance.Options{Service: where, Owner: c.FunctionOwner, Timeout: c.Connection.Timeout}), nil
}

// newClient makes the session of a section, which close ends.
func (s *service) newClient(section string, c *config.Client) (*openstack.Session, openstack.Service, error) {
	user := s.cfg.User(c)
	session, err := openstack.NewSession(user.Credentials, user.Connection)
	if err != nil {
		return nil, openstack.Service{}, err
	}
	s.sessions = append(s.sessions, session)
	if user.Connection.Insecure {
		s.log.Warn("insecure: whoever answers is believed to be the service", "section", section)
	}
	return session, openstack.Service{
		Type: c.ServiceType, Interfaces: c.Interfaces, Region: user.Region, Override: c.Override,
	}, nil
}

// showPlacement adds the series about Placement to the metrics page.
func (s *service) showPlacement(metrics *http.Metrics, client *placement.Client) {
	metrics.SetPlacement(func() http.PlacementCounts {
		seen, done := s.system.SupplyStats(), client.Stats()
		return http.PlacementCounts{
			Devices: seen.Devices, Attempts: seen.Attempts, Repairs: seen.Repairs,
			Writes: map[string]uint64{
				"provider": done.Providers, "inventory": done.Inventories, "traits": done.Traits,
			},
			Conflicts: done.Conflicts,
		}
	})
}
