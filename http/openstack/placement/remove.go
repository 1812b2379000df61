package placement

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"

	"github.com/arqd/arqd/actors"
)

// remove takes the provider away. While guests have some of it, it cannot go:
// then the rest is reserved.
func (w *work) remove(ctx context.Context, p *actors.Provider) error {
	err := resourceproviders.Delete(ctx, w.api, p.UUID.String()).Err
	switch status(err) {
	case http.StatusNotFound:
		return nil
	case http.StatusConflict:
		if err := w.fill(ctx, p); err != nil {
			return err
		}
		return fmt.Errorf("%w: the provider %s", actors.ErrSupplyInUse, p.UUID)
	}
	if err == nil {
		w.wrote(writtenProvider)
	}
	return err
}
