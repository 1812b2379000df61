package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/badger/integrity"
)

// Salvaged is what can still be read of a damaged store.
type Salvaged struct {
	// Lost says what could not be read, a sentence each.
	Lost    []string
	records map[string]salvage
}

// salvage is the newest readable write of a key.
type salvage struct {
	transaction uint64
	value       []byte // nil: deleted
}

// Salvage reads what is intact in the files of a directory, whatever state they
// are in. It changes nothing. A record may be an older one than was last
// written, and one that was deleted may be back: that depends on what is lost.
// All that is found is held in memory.
func Salvage(dir string) (*Salvaged, error) {
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, explain(dir, err)
	}
	if !slices.ContainsFunc(files, func(f os.DirEntry) bool { return ofStore(f.Name()) }) {
		return nil, fmt.Errorf("there is no store in %s", dir)
	}
	s := &Salvaged{records: make(map[string]salvage)}
	if err := integrity.Salvage(dir, s.take, s.lose); err != nil {
		return nil, explain(dir, err)
	}
	if found, _ := strconv.Atoi(string(s.records[formatKey].value)); found > format {
		return nil, newerFormat(dir, found)
	}
	if err := s.checkLatest(dir); err != nil {
		s.lose(err)
	}
	s.check()
	return s, nil
}

// checkLatest holds what is found against the file that says how far the store
// was written: what is left may fit together without its end.
func (s *Salvaged) checkLatest(dir string) error {
	content, err := os.ReadFile(filepath.Join(dir, latestName))
	kept := s.records[keptKey].value != nil
	switch {
	case errors.Is(err, os.ErrNotExist) && !kept && len(s.records) > 0:
		return nil // of an arqd that kept none
	case errors.Is(err, os.ErrNotExist):
		return withoutLatest()
	case err != nil:
		return err
	}
	return lacks(s.records[tallyKey].transaction, content[:min(len(content), 2*latestSlot)])
}

func (s *Salvaged) lose(err error) {
	text, _, _ := strings.Cut(err.Error(), ";")
	s.Lost = append(s.Lost, text)
}

func (s *Salvaged) take(e integrity.Entry) {
	if known, is := s.records[string(e.Key)]; is && known.transaction > e.Transaction {
		return
	}
	r := salvage{transaction: e.Transaction}
	if !e.Deleted {
		r.value = append([]byte{}, e.Value...)
	}
	s.records[string(e.Key)] = r
}

// check leaves out what is no record, and holds the rest against the tally.
func (s *Salvaged) check() {
	written, err := decodeTally(s.records[tallyKey].value)
	tallied := err == nil
	found := tally{}
	var keys keyReader
	for key, r := range s.records {
		k, ok := keys.parse([]byte(key))
		if !ok || r.value == nil {
			delete(s.records, key)
			continue
		}
		record := persistence.Record{Key: k}
		if err := decodeEnvelope(&record, []byte(key), r.value); err != nil {
			s.Lost = append(s.Lost, fmt.Sprintf("record %s: %v", k, err))
			delete(s.records, key)
			continue
		}
		found.add(k, record.Generation)
	}
	if tallied {
		if err := written.matches(found); err != nil {
			s.Lost = append(s.Lost, err.Error())
		}
	}
}

// Records is the number of records found.
func (s *Salvaged) Records() uint64 { return uint64(len(s.records)) }

// Each visits the records found, ordered by kind and id.
func (s *Salvaged) Each(ctx context.Context, visit func(persistence.Record) error) error {
	var keys keyReader
	for _, key := range slices.Sorted(maps.Keys(s.records)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		k, _ := keys.parse([]byte(key))
		r := persistence.Record{Key: k}
		if err := decodeEnvelope(&r, []byte(key), bytes.Clone(s.records[key].value)); err != nil {
			return err
		}
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}
