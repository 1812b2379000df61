package integrity

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	badgerdb "github.com/dgraph-io/badger/v4"
)

// Check reads all files of a Badger directory that nobody else uses. What it
// refuses it returns as a *Damage; other errors are of the operating system.
// It changes one thing: the remains of an incomplete last transaction are cut
// off its log, with a warning to log.
//
// It reads each table and what is used of each log once, in sequence; so does
// Badger next, from the cache of the kernel.
func Check(dir string, log *slog.Logger) error {
	if err := checkRegistry(dir); err != nil {
		return err
	}
	names, err := Tables(dir)
	if err != nil {
		return err
	}
	flushed, err := checkTables(dir, names)
	if err != nil {
		return err
	}
	for _, ending := range []string{".vlog", ".mem"} {
		if err := checkLogs(dir, ending, flushed, log); err != nil {
			return err
		}
	}
	return checkOrphans(dir, names, flushed)
}

// checkRegistry looks at the list of encryption keys. It is always empty: after
// 16 bytes at random there is a known text.
func checkRegistry(dir string) error {
	const random, text = 16, "Hello Badger"
	content, err := os.ReadFile(filepath.Join(dir, badgerdb.KeyRegistryFileName))
	if os.IsNotExist(err) {
		return nil
	}
	if err == nil && (len(content) < random || !bytes.Equal(content[random:], []byte(text))) {
		return &Damage{
			File: badgerdb.KeyRegistryFileName, What: "is damaged",
			Advice: Restore + ", or move this file away: it holds no records",
		}
	}
	return err
}

// missing explains a table that is not there. Badger removes one whose name it
// cannot sync into its list, where the name may be nevertheless; what was in it is
// in a log then, or in the next table.
func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Damage{
			File: name, What: "is missing",
			Advice: Restore + ", but look first at what `arqd store verify --salvage` finds: if this file is all that is lost, no record is, " +
				"and a backup made with --salvage is the one to restore from",
		}
	}
	return err
}
