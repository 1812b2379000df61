package integrity

import (
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	badgerdb "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
)

// tableNames lists the tables, except those that arqd cannot have written:
// their blocks are packed.
func tableNames(list badgerdb.Manifest) []string {
	var names []string
	for id, t := range list.Tables {
		if t.Compression == options.None && t.KeyID == 0 {
			names = append(names, table.IDToFilename(id))
		}
	}
	slices.Sort(names)
	return names
}

// checkTables verifies every byte of the tables. Badger would verify the blocks
// too, but after it has trusted what they say of themselves, in goroutines of
// its own: a damaged one ends the process.
//
// It returns the last transaction that they hold a part of, and of several
// damaged tables the first.
func checkTables(dir string, names []string) (last uint64, err error) {
	newest, errs := make([]uint64, len(names)), make([]error, len(names))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(names); i = int(next.Add(1)) - 1 {
				errs[i] = withFile(filepath.Join(dir, names[i]), func(b []byte) (err error) {
					newest[i], err = checkTable(names[i], b)
					return err
				})
			}
		})
	}
	readers.Wait()
	for i, err := range errs {
		if err != nil {
			return 0, missing(names[i], err)
		}
		last = max(last, newest[i])
	}
	return last, nil
}

// checkTable reads a table from its end. Blocks and the index each are
//
//	content, CRC-32C of the content as a message, its length
//
// but the length of the index, which has no length elsewhere, comes between
// content and checksum. Lengths are 4 bytes, big endian. The content of a block
// ends with the number of its entries.
//
// It returns the number of the newest transaction in the table.
func checkTable(name string, b []byte) (newest uint64, err error) {
	rest, sum, ok := cutSum(b)
	rest, index, ok2 := cutTail(rest)
	if !ok || !ok2 || crc32.Checksum(index, castagnoli) != sum {
		return 0, damaged(name, "has a damaged index")
	}
	list := fb.GetRootAsTableIndex(index, 0)
	var block fb.BlockOffset
	for i := range list.OffsetsLength() {
		list.Offsets(&block, i)
		begin, end := int(block.Offset()), int(block.Offset())+int(block.Len())
		if end > len(rest) {
			return 0, damaged(name, "is cut short")
		}
		content, sum, ok := cutSum(rest[begin:end])
		if !ok || crc32.Checksum(content, castagnoli) != sum {
			return 0, damaged(name, "has a damaged block at offset %d", begin)
		}
	}
	return list.MaxVersion(), nil
}

// cutTail takes from the end of b a length and so many bytes before it.
func cutTail(b []byte) (rest, tail []byte, ok bool) {
	at := len(b) - 4
	if at < 0 {
		return nil, nil, false
	}
	length := int(binary.BigEndian.Uint32(b[at:]))
	if length > at {
		return nil, nil, false
	}
	return b[:at-length], b[at-length : at], true
}

// cutSum takes a checksum from the end of b: a message with one field that is
// not 0, the second, a varint. (The first would be the algorithm.)
func cutSum(b []byte) (rest []byte, sum uint32, ok bool) {
	const secondVarint = 2 << 3
	rest, message, ok := cutTail(b)
	if !ok || len(message) == 0 {
		return rest, 0, ok && len(message) == 0 // a checksum of 0 is not written
	}
	v, n := binary.Uvarint(message[1:])
	return rest, uint32(v), message[0] == secondVarint && n == len(message)-1 && v>>32 == 0
}
