package badger

import (
	"context"
	"errors"
	"fmt"

	"github.com/arqd/arqd/persistence"
)

var errRecovered = errors.New("recovered already")

// Recover visits every record in one pass and lets writes in. A record that
// cannot be read ends it with an error that names the record and wraps
// persistence.ErrCorrupt. After an error it may be tried again; after success
// not. See persistence.Store.
func (s *Store) Recover(ctx context.Context, visit func(persistence.Record) error) error {
	if !s.recovering.CompareAndSwap(false, true) {
		return s.unavailable(errRecovered)
	}
	ledger := newLedger()
	err := s.Each(ctx, func(r persistence.Record) error {
		if c, ok := ledger.enter(&r); !ok {
			return fmt.Errorf("%w: %s carries the claim %s of another record", persistence.ErrCorrupt, r.Key, c)
		}
		return visit(r)
	})
	if err != nil {
		s.recovering.Store(false)
		return fmt.Errorf("recover from state directory %s: %w", s.dir, err)
	}
	s.committer.stats.present.Store(int64(ledger.records()))
	s.committer.ledger.Store(ledger)
	s.committer.refusal.Store(nil)
	return nil
}
