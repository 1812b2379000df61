package badger

import (
	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence"
)

// batch is one Badger transaction being filled. Badger keeps the keys, values
// and entries that it is given until the commit returns; then their memory is
// used for the next batch.
type batch struct {
	db      *badgerdb.DB
	txn     *badgerdb.Txn // nil while there is nothing to write
	memory  []byte
	entries []badgerdb.Entry
	bytes   int // by our own bound; what limits compares
	records int
	written int // bytes of keys and values
	// superseded counts the records that were there before.
	superseded int
}

// keptMemory is the most memory that a batch keeps for the next one.
const keptMemory = 2 * softBytes

func newBatch(db *badgerdb.DB) *batch {
	return &batch{db: db, entries: make([]badgerdb.Entry, 0, softRecords)}
}

// reset forgets the batch after its commit.
func (b *batch) reset() {
	if b.txn != nil {
		b.txn.Discard()
		b.txn = nil
	}
	if cap(b.memory) > keptMemory {
		b.memory = nil
	}
	clear(b.entries)
	b.memory, b.entries = b.memory[:0], b.entries[:0]
	b.bytes, b.records, b.written, b.superseded = 0, 0, 0, 0
}

// add writes the puts and deletes of a transition into Badger's transaction.
// It fails only where our bounds and Badger's differ, which is a bug.
func (b *batch) add(t *persistence.Transition) error {
	if b.txn == nil && len(t.Puts)+len(t.Deletes) > 0 {
		b.txn = b.db.NewTransaction(true)
	}
	for i := range t.Puts {
		if err := b.put(&t.Puts[i]); err != nil {
			return err
		}
	}
	for i := range t.Deletes {
		if err := b.txn.Delete(b.key(t.Deletes[i].Key)); err != nil {
			return err
		}
		b.records++
		b.superseded++
	}
	return nil
}

func (b *batch) put(p *persistence.Put) error {
	key := b.key(p.Key)
	start := len(b.memory)
	b.memory = appendEnvelope(b.memory, key, p)
	value := b.memory[start:len(b.memory):len(b.memory)]
	b.written += len(value)
	b.records++
	if p.Expected > 0 {
		b.superseded++
	}
	return b.txn.SetEntry(b.entry(key, value))
}

// seal adds what the store holds once the batch is written.
func (b *batch) seal(t *tally) error {
	start := len(b.memory)
	b.memory = t.encode(b.memory)
	return b.txn.SetEntry(b.entry([]byte(tallyKey), b.memory[start:len(b.memory):len(b.memory)]))
}

// key appends a key to memory. When memory grows, what was cut out of the old
// one stays valid.
func (b *batch) key(k persistence.Key) []byte {
	start := len(b.memory)
	b.memory = appendKey(b.memory, k)
	b.written += len(b.memory) - start
	return b.memory[start:len(b.memory):len(b.memory)]
}

// entry takes an entry from the kept ones while there are any: they must not
// move, as Badger holds pointers to them.
func (b *batch) entry(key, value []byte) *badgerdb.Entry {
	n := len(b.entries)
	if n == cap(b.entries) {
		return badgerdb.NewEntry(key, value)
	}
	b.entries = b.entries[:n+1]
	b.entries[n] = badgerdb.Entry{Key: key, Value: value}
	return &b.entries[n]
}
