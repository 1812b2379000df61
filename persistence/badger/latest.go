package badger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	badgerdb "github.com/dgraph-io/badger/v4"

	"github.com/arqd/arqd/persistence/badger/integrity"
)

// latest is a file beside Badger's own that says up to where the store was
// written: the version, which is Badger's, of the last batch. It is written when
// that batch is on disk, so it never promises more than there was; a store whose
// newest batch is older has lost what came after it: a log that is gone as a
// whole, or was cut between two transactions, which Badger's files do not show.
//
// It is there before the store is, and the store says that it has one. So where it
// is lost together with the end of the store, or with all of it, that shows.
//
// What is written into it is not synced. After a power failure it may be behind,
// which costs nothing but what it would have found out.
type latest struct {
	file *os.File
	slot int64 // that is written next: a write that is torn leaves the other
	log  *slog.Logger
	down bool // it could not be written
}

const (
	latestName = "LATEST"
	latestSlot = 12 // bytes: a version, little endian, and a CRC-32C over it and a salt

	// latestGiven in its place says that what may be missing is given up.
	latestGiven = "LATEST.lost"
)

// latestSalt makes a slot of zeros none.
var latestSalt = []byte("arqd latest")

func encodeLatest(version uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, version)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(append(b[:8:8], latestSalt...), castagnoli))
}

// decodeLatest gives the newest version of a file's slots, and whether there is
// one.
func decodeLatest(b []byte) (version uint64, ok bool) {
	for ; len(b) >= latestSlot; b = b[latestSlot:] {
		v := binary.LittleEndian.Uint64(b)
		if bytes.Equal(encodeLatest(v), b[:latestSlot]) {
			version, ok = max(version, v), true
		}
	}
	return version, ok
}

// openLatest holds a database against its file, and gives the file.
func openLatest(db *badgerdb.DB, opts Options) (*latest, error) {
	found, err := newestBatch(db)
	if err == nil {
		err = replaceLatest(db, opts, found)
	}
	if err != nil {
		return nil, explain(opts.Dir, err)
	}
	file, err := os.OpenFile(filepath.Join(opts.Dir, latestName), os.O_RDWR, 0)
	if err != nil {
		return nil, explain(opts.Dir, err)
	}
	content, err := io.ReadAll(io.LimitReader(file, 2*latestSlot))
	if err == nil {
		err = lacks(found, content)
	}
	if err == nil {
		err = removeIfThere(filepath.Join(opts.Dir, latestGiven))
	}
	if err != nil {
		return nil, errors.Join(explain(opts.Dir, err), file.Close())
	}
	return &latest{file: file, log: opts.Logger}, nil
}

// lacks says what a store does not have any more.
func lacks(found uint64, content []byte) error {
	switch version, ok := decodeLatest(content); {
	case !ok:
		return &integrity.Damage{
			File: latestName, What: "is damaged", Advice: integrity.Restore + ", or rename this file to " + latestGiven + " to go on with what is left",
		}
	case version > found:
		return &integrity.Damage{
			File: latestName, What: fmt.Sprintf("tells of batch %d, and the newest that is there is %d: the last changes are missing", version, found),
			Advice: integrity.Restore + ", or rename this file to " + latestGiven + " and lose them",
		}
	}
	return nil
}

// newestBatch gives the version of the last batch; 0: none was written yet.
func newestBatch(db *badgerdb.DB) (version uint64, err error) {
	err = db.View(func(txn *badgerdb.Txn) error {
		item, err := txn.Get([]byte(tallyKey))
		if errors.Is(err, badgerdb.ErrKeyNotFound) {
			return nil
		}
		if err == nil {
			version = item.Version()
		}
		return err
	})
	return version, err
}

// note takes note of the newest batch. What cannot be written is only missed.
func (l *latest) note(db *badgerdb.DB) {
	version, err := newestBatch(db)
	if err == nil {
		_, err = l.file.WriteAt(encodeLatest(version), l.slot*latestSlot)
	}
	l.slot = 1 - l.slot
	if err != nil && !l.down {
		l.log.Warn("how far the store is written cannot be noted", "file", latestName, "error", err)
	}
	l.down = err != nil
}

func (l *latest) close() error { return l.file.Close() }
