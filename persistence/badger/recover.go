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
	ledger, err := s.takeStock(ctx, visit)
	if err == nil {
		err = s.upgrade(ledger.tally)
	}
	if err != nil {
		s.recovering.Store(false)
		return err
	}
	s.committer.stats.present.Store(int64(ledger.records()))
	s.committer.ledger.Store(ledger)
	s.committer.refusal.Store(nil)
	return nil
}

// upgrade brings a store of an older format to this one, and one that kept no file
// LATEST to saying that it does.
func (s *Store) upgrade(t tally) error {
	kept, err := keepsLatest(s.db)
	if err != nil || kept && s.format == format {
		return err
	}
	if err := markFormat(s.db, t); err != nil {
		return fmt.Errorf("upgrade state directory %s from format %d to %d: %w", s.dir, s.format, format, err)
	}
	s.tallied.Store(true)
	if s.format == format {
		return nil
	}
	s.log.Info("the store was brought to a newer format; an older arqd will refuse it",
		"directory", s.dir, "from", s.format, "to", format)
	return nil
}
