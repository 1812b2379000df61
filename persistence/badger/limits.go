package badger

import (
	"fmt"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// A batch is closed when the next transition would make it larger than this.
// Only a single transition may be larger, up to what Badger takes.
const (
	softRecords = 4096
	softBytes   = 4 << 20
)

const (
	// entryOverhead is what Badger counts for an entry beside its bytes.
	entryOverhead = 12
	// finEntries and finBytes leave room for the tally, and for the entry that
	// Badger adds to mark the end of a transaction.
	finEntries = 3
	finBytes   = 192
	// keyBytes bounds the key of a record and what is counted with it.
	keyBytes = 64
)

// limits are the sizes that a batch and a record may have.
type limits struct {
	records, bytes       int // at which a batch is closed
	maxRecords, maxBytes int // of one transition
	maxValue             int // of one record's envelope
}

func limitsOf(db *badgerdb.DB) limits {
	l := limits{
		maxRecords: int(db.MaxBatchCount()) - finEntries,
		maxBytes:   int(db.MaxBatchSize()) - finBytes,
	}
	l.maxValue = min(int(db.Opts().ValueThreshold)-1, l.maxBytes-keyBytes)
	l.records = min(softRecords, l.maxRecords)
	l.bytes = min(softBytes, l.maxBytes)
	return l
}

// size counts the records of a transition and bounds their bytes. It refuses
// what could never be written, with ErrTooLarge or ErrInvalid.
func (l limits) size(t *persistence.Transition) (records, bytes int, err error) {
	records = len(t.Puts) + len(t.Deletes)
	for i := range t.Puts {
		value := envelopeBound(&t.Puts[i])
		if value > l.maxValue {
			return 0, 0, fmt.Errorf("%w: record %s of %d bytes, the most is %d",
				persistence.ErrTooLarge, t.Puts[i].Key, value, l.maxValue)
		}
		if t.Puts[i].Expected == maxGeneration {
			return 0, 0, fmt.Errorf("%w: record %s beyond generation %d", persistence.ErrInvalid, t.Puts[i].Key, maxGeneration)
		}
		bytes += keyLength(t.Puts[i].Key) + value + entryOverhead
	}
	for i := range t.Deletes {
		bytes += keyLength(t.Deletes[i].Key) + entryOverhead
	}
	if records > l.maxRecords || bytes > l.maxBytes {
		return 0, 0, fmt.Errorf("%w: %d records of %d bytes in one transition, the most is %d and %d",
			persistence.ErrTooLarge, records, bytes, l.maxRecords, l.maxBytes)
	}
	return records, bytes, nil
}
