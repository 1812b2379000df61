package integrity

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
)

// checkOrphans refuses a list of tables that lacks one whose changes are nowhere
// else; Badger would delete it. A crash leaves two kinds of tables that are not
// listed: one that was just made of a log, which is then still there, and the
// outcome of a merge, which has nothing newer than the tables that are listed.
// A list that was cut between two of its changes looks whole.
//
// flushed is the last transaction in the tables that are listed.
func checkOrphans(dir string, listed []string, flushed uint64) error {
	found, err := tablesThere(dir)
	if err != nil {
		return err
	}
	for _, name := range found {
		if slices.Contains(listed, name) {
			continue
		}
		var newest uint64
		err := withFile(filepath.Join(dir, name), func(b []byte) (err error) {
			newest, err = checkTable(name, b)
			return err
		})
		if err != nil || newest <= flushed { // what cannot be read was not complete yet
			continue
		}
		if logged, err := isLogged(dir, newest); err != nil || !logged {
			return cmp.Or(err, damaged(manifestName, "is cut short: it does not name %s, whose changes are nowhere else", name))
		}
	}
	return nil
}

// isLogged says whether a log has a transaction.
func isLogged(dir string, transaction uint64) (is bool, err error) {
	names, err := logNames(dir, ".mem")
	if err != nil {
		return false, err
	}
	for _, name := range names {
		err := withFile(filepath.Join(dir, name), func(b []byte) error {
			if len(b) < logHeader {
				return nil
			}
			first, ok := readEntry(b[logHeader:])
			is = is || ok && first.transaction <= transaction && transaction <= readLog(b).last
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			return false, err
		}
	}
	return is, nil
}
