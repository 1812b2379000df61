package placement

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceclasses"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"
	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/traits"

	"github.com/arqd/arqd/actors"
)

// mark brings the traits in line. A trait that Placement does not have and
// nobody may make is left out, and is a problem once the rest is done.
func (w *work) mark(ctx context.Context, p *actors.Provider) error {
	id := p.UUID.String()
	have, err := resourceproviders.GetTraits(ctx, w.api, id).Extract()
	if err != nil {
		return err
	}
	want := slices.DeleteFunc(slices.Clone(have.Traits), func(t string) bool { return slices.Contains(p.FormerTraits, t) })
	var refused error
	for _, t := range p.Traits {
		if slices.Contains(have.Traits, t) {
			continue
		}
		err := w.known(ctx, name{trait, t})
		switch {
		case errors.Is(err, errNoSuchName):
			refused = errors.Join(refused, err)
		case err != nil:
			return err
		default:
			want = append(want, t)
		}
	}
	if slices.Equal(want, have.Traits) {
		return refused
	}
	opts := resourceproviders.UpdateTraitsOpts{ResourceProviderGeneration: have.ResourceProviderGeneration, Traits: want}
	if err := resourceproviders.UpdateTraits(ctx, w.api, id, opts).Err; err != nil {
		for _, t := range p.Traits {
			err = w.doubt(err, name{trait, t})
		}
		return err
	}
	w.wrote(writtenTraits)
	return refused
}

// name is one of Placement's vocabulary.
type name struct {
	kind kindOfName
	text string
}

type kindOfName string

const (
	class kindOfName = "resource class"
	trait kindOfName = "trait"
)

// customPrefix begins the names that anybody may make.
const customPrefix = "CUSTOM_"

// errNoSuchName means that Placement does not have a name that is not ours to
// make, or does not take one that is.
var errNoSuchName = errors.New("unknown to Placement")

// known sees to it that Placement has a name: custom ones are made.
func (w *work) known(ctx context.Context, n name) error {
	if _, seen := w.names.Load(n); seen || n.text == "" {
		return nil
	}
	err := w.ask(ctx, n)
	switch s := status(err); {
	case err == nil:
		w.names.Store(n, nil)
	case s == http.StatusNotFound, s == http.StatusBadRequest:
		return fmt.Errorf("the %s %s: %w", n.kind, n.text, errNoSuchName)
	}
	return err
}

func (w *work) ask(ctx context.Context, n name) error {
	custom := strings.HasPrefix(n.text, customPrefix)
	switch {
	case n.kind == class && custom:
		return resourceclasses.Update(ctx, w.api, n.text).Err
	case n.kind == class:
		return resourceclasses.Get(ctx, w.api, n.text).Err
	case custom:
		return traits.Create(ctx, w.api, n.text).Err
	default:
		return traits.Get(ctx, w.api, n.text).Err
	}
}

// doubt forgets a name after an answer that may mean that Placement has lost it.
func (c *Client) doubt(err error, n name) error {
	if gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		c.names.Delete(n)
	}
	return err
}
