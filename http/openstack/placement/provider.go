package placement

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/openstack"
)

// root finds the provider of a compute host, which Nova makes, by its name.
func (w *work) root(ctx context.Context, name string) (string, error) {
	page, err := resourceproviders.List(w.api, resourceproviders.ListOpts{Name: name}).AllPages(ctx)
	if err != nil {
		return "", err
	}
	found, err := resourceproviders.ExtractResourceProviders(page)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%w: no resource provider is named %s", actors.ErrHostUnknown, name)
	}
	return found[0].UUID, nil
}

// place makes the provider, or gives it its name and its place below the host.
func (w *work) place(ctx context.Context, root string, p *actors.Provider) error {
	id := p.UUID.String()
	have, err := resourceproviders.Get(ctx, w.api, id).Extract()
	switch {
	case status(err) == http.StatusNotFound:
		return w.create(ctx, root, p)
	case err != nil:
		return err
	case have.ParentProviderUUID != root:
		opts := resourceproviders.UpdateOpts{Name: &p.Name, ParentProviderUUID: &root}
		if err = resourceproviders.Update(ctx, w.moving, id, opts).Err; status(err) == http.StatusNotAcceptable {
			return fmt.Errorf("it is below the provider %s and not below its host's, and this Placement is too old to move it",
				have.ParentProviderUUID)
		}
	case have.Name != p.Name:
		opts := resourceproviders.UpdateOpts{Name: &p.Name, ParentProviderUUID: &root}
		err = resourceproviders.Update(ctx, w.api, id, opts).Err
	default:
		return nil
	}
	if err == nil {
		w.wrote(writtenProvider)
	}
	return err
}

func (w *work) create(ctx context.Context, root string, p *actors.Provider) error {
	opts := resourceproviders.CreateOpts{Name: p.Name, UUID: p.UUID.String(), ParentProviderUUID: root}
	err := resourceproviders.Create(ctx, w.api, opts).Err
	switch {
	case err == nil:
		w.wrote(writtenProvider)
	case status(err) == http.StatusConflict && code(err) != codeConcurrentUpdate:
		// Somebody made it just now, which is as good, or the name is another's.
		if again := resourceproviders.Get(ctx, w.api, opts.UUID).Err; again == nil {
			return nil
		}
		return fmt.Errorf("the name may be that of another provider: %w", openstack.Explain(err))
	case status(err) == http.StatusBadRequest: // the root has gone since we looked
		if status(resourceproviders.Get(ctx, w.api, root).Err) == http.StatusNotFound {
			return fmt.Errorf("%w: its resource provider has gone", actors.ErrHostUnknown)
		}
	}
	return err
}
