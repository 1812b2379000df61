package badger

import (
	"log/slog"
	"time"

	badgerdb "github.com/dgraph-io/badger/v4"
	badgeroptions "github.com/dgraph-io/badger/v4/options"
)

const (
	defaultMemTable = 64 << 20
	minMemTable     = 1 << 20
	// inlineLimit is the longest value that Badger is told to keep beside its
	// key. Nothing longer is accepted (see limits): the value log syncs
	// without telling the committer of errors.
	inlineLimit = 1 << 20
	// valueLogFile is small because nothing is ever written there.
	valueLogFile = 16 << 20
)

// Options say where and how a Store keeps its records.
type Options struct {
	// Dir is the state directory. It is made if missing; one process at a
	// time may use it.
	Dir string
	// Logger takes what Badger and the store have to say; nil for silence.
	Logger *slog.Logger
	// Observer is told of each batch; nil for none.
	Observer Observer
	// MemTableSize in bytes is how much is kept in memory, and in Badger's
	// log, before it is written to a table. 0 is 64 MiB, the least 1 MiB.
	// A transition may be as large as 15 % of it.
	MemTableSize int64
}

// Observer is told how the store works. Its methods are called by the
// committer between two batches and must not block.
type Observer interface {
	// BatchCommitted tells of one synced commit: how many transitions and
	// records (puts and deletes) were in it, the bytes of their keys and
	// values, and how long the commit took.
	BatchCommitted(transitions, records, bytes int, took time.Duration)
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = defaultMemTable
	}
	o.MemTableSize = max(o.MemTableSize, minMemTable)
	return o
}

// batchBytes is how much Badger takes in one transaction.
func batchBytes(memTable int64) int { return int(memTable * 15 / 100) }

// engine gives Badger's options. Its writes are always synced. Conflicts need
// no detection with a single writer; everything that is read often lives in
// the actors, so that there is nothing to cache; checksums of tables are
// verified before (see integrity), and not while they are read, because
// Badger's iterators end silently at a block that they cannot read.
func (o Options) engine(log badgerdb.Logger) badgerdb.Options {
	threshold := min(int64(inlineLimit), int64(batchBytes(o.MemTableSize)))
	return badgerdb.DefaultOptions(o.Dir).
		WithSyncWrites(true).
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false).
		WithCompression(badgeroptions.None).
		WithBlockCacheSize(0).
		WithChecksumVerificationMode(badgeroptions.NoVerification).
		WithMemTableSize(o.MemTableSize).
		WithValueThreshold(threshold).
		WithValueLogFileSize(valueLogFile).
		WithMetricsEnabled(false).
		WithLogger(log)
}
