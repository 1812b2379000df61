package integrity

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"

	badgerdb "github.com/dgraph-io/badger/v4"
)

// manifestName is the file that lists the tables. After 8 bytes that name its
// format come changes: length and CRC-32C, 4 bytes each, big endian, and so
// many bytes of content.
const (
	manifestName   = badgerdb.ManifestFilename
	manifestHeader = 8
	changeHeader   = 8
	// changeTag is what the content of every change begins with.
	changeTag = 0x0a
)

// Tables returns the names of the tables that make up the database; none for a
// directory without a database. Other tables in the directory are remains,
// which Badger removes as it opens.
func Tables(dir string) ([]string, error) {
	found, err := tablesThere(dir)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(dir, manifestName)
	switch err = withFile(name, checkManifest); {
	case os.IsNotExist(err) && len(found) > 0:
		return nil, damaged(manifestName, "is missing")
	case os.IsNotExist(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var list badgerdb.Manifest
	var whole int64
	err = guarded(manifestName, func() (err error) {
		list, whole, err = replay(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return tableNames(list), checkCut(name, whole, len(list.Tables), found)
}

// checkCut refuses a list that ends in the middle of a change while there are
// tables that it does not name. Badger would delete those. A crash leaves such
// tables beside a list that is whole, or a list cut short beside no more tables
// than it names; both at once only if the machine lost power in the very write
// that names a table, and that is better looked at by a person.
func checkCut(name string, whole int64, listed int, found []string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.Size() > whole && len(found) > listed {
		return damaged(manifestName, "is cut short and does not name all tables")
	}
	return nil
}

// checkManifest refuses a list in which an unreadable change is not the last
// one. (The first of a new database is empty.) Badger finds wrong checksums
// itself; only a length that reaches beyond the end looks to it like a change
// that a crash has cut short.
func checkManifest(b []byte) error {
	searched := false // and nothing found: nor would it be from further on
	for at := manifestHeader; at+changeHeader <= len(b); {
		length, sum := changeAt(b, at)
		begin := at + changeHeader
		search := !searched && (length > len(b)-begin || length == 0 && at > manifestHeader)
		searched = searched || search
		switch {
		case length > len(b)-begin && lengthIsWrong(b[begin:], sum),
			search && changeFollows(b, at+1),
			length <= len(b)-begin && crc32.Checksum(b[begin:begin+length], castagnoli) != sum:
			return damaged(manifestName, "is unreadable at offset %d", at)
		}
		at = begin + length
	}
	return nil
}

func changeAt(b []byte, at int) (length int, sum uint32) {
	return int(binary.BigEndian.Uint32(b[at:])), binary.BigEndian.Uint32(b[at+4:])
}

// lengthIsWrong reports whether the checksum fits a shorter content: then the
// change is whole and only its length is not.
func lengthIsWrong(content []byte, sum uint32) bool {
	var crc uint32
	for i := range content {
		if crc = crc32.Update(crc, castagnoli, content[i:i+1]); crc == sum {
			return true
		}
	}
	return false
}

// changeFollows finds an intact change from an offset on. MANIFEST is short, as
// Badger rewrites it, and a change is short as well: a limit on what is summed
// keeps nonsense from costing more than that.
func changeFollows(b []byte, from int) bool {
	budget := summedLimit * len(b)
	for at := from; at+changeHeader < len(b) && budget > 0; at++ {
		length, sum := changeAt(b, at)
		begin := at + changeHeader
		if length == 0 || length > len(b)-begin || b[begin] != changeTag {
			continue
		}
		budget -= length
		if crc32.Checksum(b[begin:begin+length], castagnoli) == sum {
			return true
		}
	}
	return budget <= 0
}

// replay reads the list, and tells how many of its bytes are whole changes.
func replay(name string) (badgerdb.Manifest, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return badgerdb.Manifest{}, 0, err
	}
	defer f.Close()
	list, whole, err := badgerdb.ReplayManifestFile(f, 0, badgerdb.Options{})
	if err != nil {
		why, _, _ := strings.Cut(err.Error(), "\n")
		return list, 0, damaged(manifestName, "is unreadable (%s)", why)
	}
	return list, whole, nil
}
