package integrity

import (
	"encoding/binary"
	"hash/crc32"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	badgerdb "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var silent = slog.New(slog.DiscardHandler)

func appendEntry(b []byte, meta byte, key string, transaction uint64, value string) []byte {
	start := len(b)
	b = append(b, meta, 0)
	b = binary.AppendUvarint(b, uint64(len(key)+versionLength))
	b = binary.AppendUvarint(b, uint64(len(value)))
	b = append(b, 0)
	b = append(b, key...)
	b = binary.BigEndian.AppendUint64(b, math.MaxUint64-transaction)
	b = append(b, value...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// appendTransaction writes a transaction of so many records.
func appendTransaction(b []byte, number uint64, records int) []byte {
	for n := range records {
		b = appendEntry(b, inTransaction, "r/arq/"+strconv.Itoa(n), number, strings.Repeat("body ", 9))
	}
	return appendEntry(b, endOfTransaction, "!badger!txn", number, strconv.FormatUint(number, 10))
}

// exampleLog is a log of transactions of 3 records, of the numbers from first
// to last, and the offset where the last one begins.
func exampleLog(first, last uint64) (log []byte, lastBegins int) {
	log = make([]byte, logHeader)
	for n := first; n <= last; n++ {
		lastBegins = len(log)
		log = appendTransaction(log, n, 3)
	}
	return log, lastBegins
}

// withLogs makes a directory that holds these logs and nothing else.
func withLogs(t *testing.T, logs ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	for i, log := range logs {
		write(t, filepath.Join(dir, logName(i)), log)
	}
	return dir
}

func logName(i int) string { return "0000" + strconv.Itoa(i+1) + ".mem" }

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// openBadger opens a database as the store does.
func openBadger(t *testing.T, dir string) *badgerdb.DB {
	t.Helper()
	db, err := badgerdb.Open(badgerdb.DefaultOptions(dir).WithSyncWrites(true).WithLogger(nil).
		WithCompression(options.None).WithBlockCacheSize(0).WithMemTableSize(1 << 20).WithValueThreshold(100_000).
		WithValueLogFileSize(1 << 20))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// set writes a record in a transaction of its own.
func set(t *testing.T, db *badgerdb.DB, key string) {
	t.Helper()
	err := db.Update(func(txn *badgerdb.Txn) error { return txn.Set([]byte("r/"+key), []byte(strings.Repeat(key, 50))) })
	if err != nil {
		t.Fatal(err)
	}
}
