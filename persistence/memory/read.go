package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/arqd/arqd/persistence"
)

// Recover visits every record and lets writes in. It spoils the body after the
// visit, for the sake of those who would keep it. See persistence.Store.
func (s *Store) Recover(ctx context.Context, visit func(persistence.Record) error) error {
	s.mu.Lock()
	recovered := s.recovered
	s.mu.Unlock()
	if recovered {
		return unavailable(errRecovered)
	}
	err := s.Each(ctx, func(r persistence.Record) error {
		defer clear(r.Body)
		return visit(r)
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recovered = true
	return nil
}

// Load returns a record. See persistence.Store.
func (s *Store) Load(ctx context.Context, key persistence.Key) (persistence.Record, error) {
	records, err := s.Fresh(ctx, []persistence.Key{key})
	if err != nil {
		return persistence.Record{}, err
	}
	if records[0].Generation == 0 {
		return persistence.Record{}, fmt.Errorf("%w: %s", persistence.ErrNotFound, key)
	}
	return records[0], nil
}

// Fresh returns the newest state of the keys. See persistence.Store.
func (s *Store) Fresh(ctx context.Context, keys []persistence.Key) ([]persistence.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.readable(ctx); err != nil {
		return nil, err
	}
	records := make([]persistence.Record, len(keys))
	for i, key := range keys {
		records[i] = clone(s.state.records[key])
		records[i].Key = key
	}
	return records, nil
}

// List answers a query. See persistence.Store.
func (s *Store) List(ctx context.Context, q persistence.Query) ([]persistence.Record, error) {
	all, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	var records []persistence.Record
	for _, r := range all {
		if matches(r, q) {
			records = append(records, clone(r))
		}
		if q.Limit > 0 && len(records) == q.Limit {
			break
		}
	}
	return records, nil
}

func matches(r persistence.Record, q persistence.Query) bool {
	after := q.After.ID
	return r.Key.Kind == q.Kind &&
		(after == (persistence.Key{}).ID || bytes.Compare(r.Key.ID[:], after[:]) > 0) &&
		(q.Index.Name == "" || slices.Contains(r.Indexes, q.Index))
}

// Each visits all records as they are when it begins. See persistence.Store.
func (s *Store) Each(ctx context.Context, visit func(persistence.Record) error) error {
	all, err := s.all(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(clone(r)); err != nil {
			return err
		}
	}
	return nil
}

// all returns the records of one moment. They must not be altered.
func (s *Store) all(ctx context.Context) ([]persistence.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.readable(ctx); err != nil {
		return nil, err
	}
	return s.state.sorted(), nil
}

func (s *Store) readable(ctx context.Context) error {
	if s.ended {
		return unavailable(errClosed)
	}
	return ctx.Err()
}
