package placement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/openstack"
)

// The versions of Placement's API that are asked for. 1.26 (Rocky, 2018) is the
// oldest that lets all of an inventory be reserved, which is how a device is
// disabled; it knows parents (1.14), answers with what was created (1.20) and
// has codes in errors (1.23). A provider below another parent can only be moved
// since 1.37 (Wallaby, 2021): that is asked for when it is needed, so that all
// else works with an older Placement.
const (
	version         = "placement 1.26"
	versionOfMoving = "placement 1.37"
)

// attempts is how often a provider is read and written anew because somebody
// else writes too.
const attempts = 5

// Client talks to Placement. It may be used by any number of goroutines.
type Client struct {
	session *openstack.Session
	service openstack.Service
	stats   stats
	names   sync.Map // of name: those that Placement has, as far as we have seen
}

// New makes a client of a session; service is where Placement is, its type
// "placement" when it says none.
func New(session *openstack.Session, service openstack.Service) *Client {
	if service.Type == "" {
		service.Type = "placement"
	}
	return &Client{session: session, service: service}
}

// Show implements actors.Inventory.
func (c *Client) Show(ctx context.Context, s *actors.Supply) (changes int, err error) {
	client, err := c.session.Client(ctx, c.service)
	if err != nil {
		return 0, classify(err)
	}
	w := &work{Client: c, api: asking(client, version), moving: asking(client, versionOfMoving)}
	for i := range s.Providers {
		if p := &s.Providers[i]; p.Gone {
			if _, err := w.step(p, func() error { return w.remove(ctx, p) }); err != nil {
				return w.changes, err
			}
		}
	}
	if !slices.ContainsFunc(s.Providers, func(p actors.Provider) bool { return !p.Gone }) {
		return w.changes, w.problems.err()
	}
	root, err := w.root(ctx, s.Root)
	if err != nil {
		return w.changes, classify(err)
	}
	for i := range s.Providers {
		if p := &s.Providers[i]; !p.Gone {
			if err := w.show(ctx, root, p); err != nil {
				return w.changes, err
			}
		}
	}
	return w.changes, w.problems.err()
}

// asking makes a copy of a client that asks for a version of the API. The
// header does not follow the type of the service, which the operator may have
// named otherwise.
func asking(client *gophercloud.ServiceClient, version string) *gophercloud.ServiceClient {
	asked := *client
	asked.MoreHeaders = map[string]string{"OpenStack-API-Version": version}
	return &asked
}

// work is one device being shown.
type work struct {
	*Client
	api, moving *gophercloud.ServiceClient
	changes     int
	problems    problems
}

// wrote counts a change that was made.
func (w *work) wrote(what written) {
	w.changes++
	w.stats.writes[what].Add(1)
}

// show brings one provider in line: the provider itself, what it has, what it is
// like. Each begins with a look, so that it can be done again when somebody else
// was quicker. An error means that it makes no sense to go on with others; the
// rest is among the problems.
func (w *work) show(ctx context.Context, root string, p *actors.Provider) error {
	placed, err := w.step(p, func() error { return w.place(ctx, root, p) })
	if !placed {
		return err
	}
	if _, err := w.step(p, func() error { return w.fill(ctx, p) }); err != nil {
		return err
	}
	_, err = w.step(p, func() error { return w.mark(ctx, p) })
	return err
}

func (w *work) step(p *actors.Provider, do func() error) (done bool, err error) {
	err = classify(w.repeat(do))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, actors.ErrInventoryAway), errors.Is(err, actors.ErrHostUnknown):
		return false, err
	}
	w.problems.add(p, err)
	return false, nil
}

// repeat does a step until nobody else interferes.
func (w *work) repeat(step func() error) error {
	var err error
	for range attempts {
		if err = step(); code(err) != codeConcurrentUpdate {
			return err
		}
		w.stats.conflicts.Add(1)
	}
	return fmt.Errorf("somebody else changes the provider all the time: %w", openstack.Explain(err))
}
