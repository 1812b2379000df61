package integrity

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4/fb"
)

// Entry is one write of one key, as a table or a log holds it. Its bytes are
// the visitor's only until it returns.
type Entry struct {
	Key, Value  []byte
	Transaction uint64 // a later one has a higher number
	Deleted     bool
}

// Salvage visits every entry that is intact in the files of a directory that
// nobody else uses, whatever state they are in, in no particular order and
// several of one key. It changes nothing. What could not be read is told to
// lost, a *Damage each; the error is of the operating system.
func Salvage(dir string, visit func(Entry), lost func(error)) error {
	names, err := Tables(dir)
	if err != nil {
		lost(err)
		if names, err = tablesThere(dir); err != nil {
			return err
		}
	}
	for _, name := range names {
		err := withFile(filepath.Join(dir, name), func(b []byte) error { return salvageTable(name, b, visit, lost) })
		if err := lostOr(missing(name, err), lost); err != nil {
			return err
		}
	}
	logs, err := logNames(dir, ".mem")
	for i, name := range logs {
		last := i == len(logs)-1
		err := withFile(filepath.Join(dir, name), func(b []byte) error { return salvageLog(name, b, last, visit) })
		if err := lostOr(err, lost); err != nil {
			return err
		}
	}
	return err
}

// lostOr tells of damage and returns other errors.
func lostOr(err error, lost func(error)) error {
	if _, is := errors.AsType[*Damage](err); is {
		lost(err)
		return nil
	}
	return err
}

// salvageTable reads the blocks that are intact. Without the index it is not
// known where they are.
func salvageTable(name string, b []byte, visit func(Entry), lost func(error)) error {
	rest, sum, ok := cutSum(b)
	rest, index, ok2 := cutTail(rest)
	if !ok || !ok2 || crc32.Checksum(index, castagnoli) != sum {
		return damaged(name, "has a damaged index; nothing of it can be read")
	}
	list := fb.GetRootAsTableIndex(index, 0)
	var block fb.BlockOffset
	for i := range list.OffsetsLength() {
		list.Offsets(&block, i)
		begin, end := int(block.Offset()), int(block.Offset())+int(block.Len())
		if end > len(rest) {
			lost(damaged(name, "is cut short at offset %d", len(rest)))
			return nil
		}
		content, sum, ok := cutSum(rest[begin:end])
		if !ok || crc32.Checksum(content, castagnoli) != sum {
			lost(damaged(name, "has a damaged block at offset %d, of %d bytes", begin, end-begin))
			continue
		}
		readBlock(content, visit)
	}
	return nil
}

// readBlock reads the entries of an intact block. They come first; then the
// offset of each, 4 bytes, little endian, and their number, 4 bytes, big
// endian. An entry is the length of what its key has in common with the first
// one and the length of the rest, 2 bytes each, little endian, the rest of the
// key, meta, user meta, expiry (uvarint) and value.
func readBlock(content []byte, visit func(Entry)) {
	const deleted = 1 << 0
	count := int(binary.BigEndian.Uint32(content[len(content)-4:]))
	offsets := content[len(content)-4-4*count : len(content)-4]
	entries := content[:len(content)-4-4*count]
	var first, key []byte
	for i := range count {
		begin, end := int(binary.LittleEndian.Uint32(offsets[4*i:])), len(entries)
		if i+1 < count {
			end = int(binary.LittleEndian.Uint32(offsets[4*(i+1):]))
		}
		e := entries[begin:end]
		common, rest := int(binary.LittleEndian.Uint16(e)), int(binary.LittleEndian.Uint16(e[2:]))
		key = append(append(key[:0], first[:common]...), e[4:4+rest]...)
		if i == 0 {
			first = slices.Clone(key)
		}
		value := e[4+rest:]
		_, expiry := binary.Uvarint(value[2:])
		visit(entryOf(key, value[2+expiry:], value[0]&deleted != 0))
	}
}

// entryOf takes the version off a key.
func entryOf(key, value []byte, deleted bool) Entry {
	at := len(key) - versionLength
	return Entry{
		Key: key[:at], Value: value, Deleted: deleted,
		Transaction: ^binary.BigEndian.Uint64(key[at:]),
	}
}

// salvageLog reads what is intact of a log, before and behind what is not. A
// transaction without its end at the end of the last log was never
// acknowledged: it is left out.
func salvageLog(name string, b []byte, last bool, visit func(Entry)) error {
	const deleted = 1 << 0
	if len(b) < logHeader {
		return damagedLog(name, "is cut short: it has %d bytes", len(b))
	}
	s := readLog(b)
	newest := newestEnded(b)
	entries := search{log: b, at: logHeader}
	for e, ok := entries.next(); ok; e, ok = entries.next() {
		if e.meta&endOfTransaction != 0 || last && e.transaction > newest {
			continue
		}
		visit(entryOf(e.key, e.value, e.meta&deleted != 0))
	}
	if s.end < s.written(b) {
		return damagedLog(name, "is unreadable at offset %d", s.stop)
	}
	return nil
}

// newestEnded is the newest transaction of which the end is in a log, or that
// another one follows.
func newestEnded(b []byte) (newest uint64) {
	var seen []uint64
	entries := search{log: b, at: logHeader}
	for e, ok := entries.next(); ok; e, ok = entries.next() {
		if e.meta&endOfTransaction != 0 {
			newest = max(newest, e.transaction)
		} else if len(seen) == 0 || seen[len(seen)-1] != e.transaction {
			seen = append(seen, e.transaction)
		}
	}
	slices.SortFunc(seen, func(a, b uint64) int { return cmp.Compare(b, a) })
	seen = slices.Compact(seen)
	if len(seen) > 1 {
		newest = max(newest, seen[1])
	}
	return newest
}
