package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// Place is a resource provider that ARQs can be bound to.
type Place struct {
	Hostname string
	Provider uuid.UUID
	Handles  int // accelerators that it has, whoever has them now
}

type deployable struct {
	Name       string    `json:"name"`
	Provider   uuid.UUID `json:"rp_uuid"`
	Handles    int       `json:"num_accelerators"`
	Attributes string    `json:"attributes_list"` // JSON as text
}

// Places finds the resource providers of a resource class, in the order of the
// service. The API does not say whose device a deployable is; its name begins
// with that of its host.
func (c *Client) Places(ctx context.Context, class string) ([]Place, error) {
	var devices struct {
		Devices []struct {
			Hostname string `json:"hostname"`
		} `json:"devices"`
	}
	var deployables struct {
		Deployables []deployable `json:"deployables"`
	}
	err := errors.Join(
		read(c.Do(ctx, http.MethodGet, "/devices", nil), &devices),
		read(c.Do(ctx, http.MethodGet, "/deployables", nil), &deployables))
	if err != nil {
		return nil, fmt.Errorf("looking for devices: %w", err)
	}
	hosts := make([]string, len(devices.Devices))
	for i := range hosts {
		hosts[i] = devices.Devices[i].Hostname
	}
	var places []Place
	for i := range deployables.Deployables {
		d := &deployables.Deployables[i]
		host := hostOf(d.Name, hosts)
		if host != "" && d.Handles > 0 && d.has(class) {
			places = append(places, Place{host, d.Provider, d.Handles})
		}
	}
	return places, nil
}

func hostOf(name string, hosts []string) (best string) {
	for _, h := range hosts {
		if len(h) > len(best) && strings.HasPrefix(name, h+"_") {
			best = h
		}
	}
	return best
}

func (d *deployable) has(class string) bool {
	var attributes []map[string]string
	if json.Unmarshal([]byte(d.Attributes), &attributes) != nil {
		return false
	}
	for _, a := range attributes {
		if a["rc"] == class {
			return true
		}
	}
	return false
}
