package bench

import (
	"sync/atomic"
	"testing"

	badgerdb "github.com/dgraph-io/badger/v4"
)

// Floors that lose records, or write fewer than they say, would make the
// service look bad or good for nothing.

func TestRawCommitterKeepsEveryRecord(t *testing.T) {
	dir := t.TempDir()
	db, err := badgerdb.Open(rawOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	c := &rawCommitter{db: db, queue: make(chan rawWrite, 8)}
	c.running.Go(c.run)
	writeRecords(t, c)
	db, err = badgerdb.Open(rawOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found := 0
	err = db.View(func(txn *badgerdb.Txn) error {
		it := txn.NewIterator(badgerdb.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if size := int(it.Item().KeySize() + it.Item().ValueSize()); size != floorRecord {
				t.Errorf("a record of %d bytes, want %d", size, floorRecord)
			}
			found++
		}
		return nil
	})
	if err != nil || found != floorRecords {
		t.Errorf("%d records (%v), want %d", found, err, floorRecords)
	}
}

func TestStoreFloorWritesRecordsOfTheSize(t *testing.T) {
	store, err := openStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	writeRecords(t, storeFloor{store})
	stats := store.Stats()
	if stats.RecordsWritten != floorRecords {
		t.Errorf("%d records, want %d", stats.RecordsWritten, floorRecords)
	}
	if size := stats.BytesWritten / stats.RecordsWritten; size != floorRecord {
		t.Errorf("records of %d bytes, want %d: set envelopeBytes", size, floorRecord)
	}
}

const (
	floorRecords = 500
	floorRecord  = 187
)

func writeRecords(t *testing.T, f floor) {
	t.Helper()
	q := commitQuestion{Writers: 16, Count: floorRecords, RecordBytes: floorRecord}
	if err := writeAll(f, &q, new(atomic.Int64)); err != nil {
		t.Error(err)
	}
	if n := f.commits(); n < floorRecords/q.Writers || n > floorRecords {
		t.Errorf("%d commits of %d records by %d writers", n, floorRecords, q.Writers)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
}
