package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/badger"
)

// repair prints what makes records fit together, and does it with --yes.
func (c *storeCall) repair(ctx context.Context) error {
	if c.yes {
		return c.repairStore(ctx)
	}
	return c.read(ctx, func(from *source) error {
		plan, err := c.planRepair(ctx, from)
		if err != nil {
			return err
		}
		switch changes, left := len(plan.Changes), len(plan.Left.Violations); {
		case changes > 0:
			return fmt.Errorf("%s needs %d changes, which were not made; %d rules are broken after them", from.name, changes, left)
		case len(plan.Kept) > 0:
			return fmt.Errorf("%s breaks %d rules; a handle that is kept and that no guest has, --free gives back", from.name, left)
		case left > 0:
			return fmt.Errorf("%s breaks %d rules that a repair changes nothing about", from.name, left)
		}
		fmt.Fprintf(c.stderr, "%s needs no repair\n", from.name)
		return nil
	})
}

// planRepair works a repair out, and prints it.
func (c *storeCall) planRepair(ctx context.Context, from actors.Source) (*actors.Repair, error) {
	free, err := c.freeable()
	if err != nil {
		return nil, err
	}
	plan, err := actors.PlanRepair(ctx, from, actors.RepairOptions{
		Free: func(handle uuid.UUID) bool {
			delete(free, handle)
			return slices.Contains(c.free, freeAll) || slices.Contains(c.free, handle.String())
		},
		NovaMakesMdevs: c.cfg.Arqd.MdevCreatedBy == config.MdevByNova,
		Now:            time.Now(),
	})
	if err != nil {
		return nil, err
	}
	for handle := range free {
		fmt.Fprintf(c.stderr, "--free %s changes nothing: it is no handle that nobody is known to have\n", handle)
	}
	_, err = fmt.Fprint(c.stdout, plan)
	return plan, err
}

const freeAll = "all"

// freeable gives the handles that --free names.
func (c *storeCall) freeable() (map[uuid.UUID]bool, error) {
	named := map[uuid.UUID]bool{}
	for i, text := range c.free {
		if text == freeAll {
			continue
		}
		handle, err := uuid.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("--free takes the uuid of a handle, or %s: %q", freeAll, text)
		}
		named[handle], c.free[i] = true, handle.String()
	}
	return named, nil
}

// repairStore repairs the store, which nobody may be using, and checks it.
func (c *storeCall) repairStore(ctx context.Context) error {
	if c.backup != "" || c.salvage {
		return errors.New("--yes is for a store; a backup is repaired as it is restored, with arqd store restore --repair")
	}
	store, err := c.openStore()
	if errors.Is(err, badger.ErrInUse) {
		return fmt.Errorf("%w; stop it before the store is repaired", err)
	}
	if err != nil {
		return err
	}
	changes, err := c.repairOpen(ctx, store)
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	fmt.Fprintf(c.stderr, "%d changes made\n", changes)
	return c.verify(ctx)
}

func (c *storeCall) repairOpen(ctx context.Context, store persistence.Store) (changes int, err error) {
	plan, err := c.planRepair(ctx, store)
	if err != nil {
		return 0, err
	}
	return len(plan.Changes), write(ctx, store, plan.Transitions)
}

// writtenTogether is how many transitions wait for the disk together.
const writtenTogether = 1000

var errOtherwise = errors.New("a record is not as it was read")

// write has transitions written in order, up to the first that is not.
func write(ctx context.Context, store persistence.Store, all []persistence.Transition) error {
	if len(all) == 0 {
		return nil
	}
	if err := store.Recover(ctx, func(persistence.Record) error { return nil }); err != nil {
		return err
	}
	for some := range slices.Chunk(all, writtenTogether) {
		for _, r := range persistence.Apply(ctx, store, some) {
			if r.Outcome != persistence.Won {
				return fmt.Errorf("not all changes were made; repair it again: %w", cmp.Or(r.Err, errOtherwise))
			}
		}
	}
	return nil
}
