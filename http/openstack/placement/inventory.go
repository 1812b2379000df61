package placement

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/placement/v1/resourceproviders"

	"github.com/arqd/arqd/actors"
)

type inventories = map[string]resourceproviders.Inventory

// fill brings the inventories in line. What is to go and cannot, because guests
// have some of it, is reserved: nobody gets more of it at least.
func (w *work) fill(ctx context.Context, p *actors.Provider) error {
	have, err := resourceproviders.GetInventories(ctx, w.api, p.UUID.String()).Extract()
	if err != nil {
		return err
	}
	leaving := leavingClasses(p, have.Inventories)
	err = w.put(ctx, p, have, wanted(p, have.Inventories, leaving, func(want inventories, c string) { delete(want, c) }))
	if code(err) != codeInventoryInUse {
		return err
	}
	err = w.put(ctx, p, have, wanted(p, have.Inventories, leaving, func(want inventories, c string) {
		i := want[c]
		i.Reserved = i.Total
		want[c] = i
	}))
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s of %s", actors.ErrSupplyInUse, strings.Join(leaving, ", "), p.Name)
}

// put replaces the inventories by others, unless they are so already.
func (w *work) put(ctx context.Context, p *actors.Provider, have *resourceproviders.ResourceProviderInventories, want inventories) error {
	if maps.Equal(want, have.Inventories) {
		return nil
	}
	if err := w.known(ctx, name{class, p.Class}); err != nil {
		return err
	}
	opts := resourceproviders.UpdateInventoriesOpts{ResourceProviderGeneration: have.ResourceProviderGeneration, Inventories: want}
	if err := resourceproviders.UpdateInventories(ctx, w.api, p.UUID.String(), opts).Err; err != nil {
		return w.doubt(err, name{class, p.Class})
	}
	w.wrote(writtenInventory)
	return nil
}

// leavingClasses are the classes that are there because of us and are to go.
func leavingClasses(p *actors.Provider, have inventories) []string {
	leaving := slices.Clone(p.FormerClasses)
	if p.Total == 0 && p.Class != "" {
		leaving = append(leaving, p.Class)
	}
	return slices.DeleteFunc(leaving, func(c string) bool {
		_, there := have[c]
		return !there
	})
}

// wanted gives the inventories as they shall be: others' as they are, and with
// those that are leaving it is done as leave does.
func wanted(p *actors.Provider, have inventories, leaving []string, leave func(want inventories, class string)) inventories {
	want := make(inventories, len(have)+1)
	maps.Copy(want, have)
	for _, c := range leaving {
		leave(want, c)
	}
	if p.Class != "" && p.Total > 0 {
		want[p.Class] = resourceproviders.Inventory{
			Total: p.Total, Reserved: min(p.Reserved, p.Total), MinUnit: 1, MaxUnit: p.Total, StepSize: 1, AllocationRatio: 1,
		}
	}
	return want
}
