package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// tally says what the store holds: how many records, and a sum over their keys
// and generations that does not depend on their order. It is written with
// every batch, and each pass over all records is held against it: a table or a
// log that is gone, or is of an earlier time, is found out even where Badger's
// own files agree with each other. Only a loss that takes the last batches as
// a whole leaves a tally that fits.
type tally struct{ records, sum uint64 }

// add counts a record in; generation 0, which is none, changes nothing.
func (t *tally) add(k persistence.Key, generation uint64) {
	if generation > 0 {
		t.records++
		t.sum += mark(k, generation)
	}
}

// drop counts a record out.
func (t *tally) drop(k persistence.Key, generation uint64) {
	if generation > 0 {
		t.records--
		t.sum -= mark(k, generation)
	}
}

// apply follows a transition that holds.
func (t *tally) apply(c *persistence.Transition) {
	for i := range c.Puts {
		t.drop(c.Puts[i].Key, c.Puts[i].Expected)
		t.add(c.Puts[i].Key, c.Puts[i].Expected+1)
	}
	for i := range c.Deletes {
		t.drop(c.Deletes[i].Key, c.Deletes[i].Expected)
	}
}

// mark is a number for one generation of one record: FNV-1a over both, with
// its bits mixed once more, because marks are summed.
func mark(k persistence.Key, generation uint64) uint64 {
	const offset, prime = 0xcbf29ce484222325, 0x100000001b3
	h := uint64(offset)
	for i := range len(k.Kind) {
		h = (h ^ uint64(k.Kind[i])) * prime
	}
	for _, b := range k.ID {
		h = (h ^ uint64(b)) * prime
	}
	h = (h ^ generation) * prime
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>32
}

// A stored tally is the number of records and the sum, 8 bytes each, little
// endian, and a CRC-32C over both.
const tallyLength = 20

func (t *tally) encode(b []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint64(b, t.records)
	b = binary.LittleEndian.AppendUint64(b, t.sum)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

var errTally = errors.New("the tally of its records is unreadable")

func decodeTally(b []byte) (tally, error) {
	if len(b) != tallyLength || crc32.Checksum(b[:16], castagnoli) != binary.LittleEndian.Uint32(b[16:]) {
		return tally{}, errTally
	}
	return tally{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}, nil
}

// tallyOf reads the tally of a database.
func tallyOf(db *badgerdb.DB) (t tally, err error) {
	err = db.View(func(txn *badgerdb.Txn) error {
		t, err = readTally(txn)
		return err
	})
	return t, err
}

func readTally(txn *badgerdb.Txn) (t tally, err error) {
	item, err := txn.Get([]byte(tallyKey))
	if errors.Is(err, badgerdb.ErrKeyNotFound) {
		return t, errTally
	}
	if err != nil {
		return t, err
	}
	err = item.Value(func(b []byte) (err error) {
		t, err = decodeTally(b)
		return err
	})
	return t, err
}

// matches says whether what was found is what the last batch left.
func (t *tally) matches(found tally) error {
	switch {
	case found.records != t.records:
		return fmt.Errorf("%w: %d records are found where there should be %d", errMissing, found.records, t.records)
	case found.sum != t.sum:
		return fmt.Errorf("%w: of its %d records some are of an earlier time", errMissing, t.records)
	}
	return nil
}

var errMissing = errors.New("files are missing or older than the rest")
