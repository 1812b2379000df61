package openstack

import (
	"context"
	"fmt"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
)

// Service names an endpoint of the catalog.
type Service struct {
	Type       string   // "compute", "placement" ...; aliases of a type count too
	Interfaces []string // public, internal, admin: the first that there is; none: public
	Region     string   // any if empty
	Override   string   // a URL to use whatever the catalog says
}

// String says what is looked for.
func (s Service) String() string {
	text := "type " + s.Type + ", interface " + strings.Join(s.interfaces(), " or ")
	if s.Region != "" {
		text += ", region " + s.Region
	}
	return text
}

func (s Service) interfaces() []string {
	if len(s.Interfaces) == 0 {
		return []string{string(gophercloud.AvailabilityPublic)}
	}
	return s.Interfaces
}

// NoEndpointError says that the catalog lacks a service.
type NoEndpointError struct{ Service Service }

// Error names what was looked for.
func (e *NoEndpointError) Error() string {
	return fmt.Sprintf("there is no endpoint in the catalog: %v", e.Service)
}

// endpoint gives the URL of the service, with a slash at the end.
func (s *Session) endpoint(ctx context.Context, service Service) (string, error) {
	if service.Override != "" {
		return gophercloud.NormalizeURL(service.Override), nil
	}
	catalog := s.current.Load().catalog
	for _, name := range service.interfaces() {
		opts := gophercloud.EndpointOpts{Region: service.Region, Availability: gophercloud.Availability(name)}
		opts.ApplyDefaults(service.Type)
		// Without a version wanted this only looks and does not ask anybody.
		url, err := openstack.V3Endpoint(ctx, s.provider, catalog, opts)
		if err == nil && url != "" {
			return url, nil
		}
	}
	return "", &NoEndpointError{service}
}
