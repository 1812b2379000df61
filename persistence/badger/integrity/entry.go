package integrity

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"strconv"
)

// An entry of a log, as Badger 4 writes it, is
//
//	meta             1 byte
//	user meta        1 byte
//	length of key    uvarint
//	length of value  uvarint
//	expiry           uvarint
//	key, value
//	CRC-32C          4 bytes, big endian, over all before it
//
// A key ends with its version: the number of its transaction, taken from the
// greatest uint64, 8 bytes, big endian. The entries of a transaction carry
// inTransaction; one that carries endOfTransaction, with the number as decimal
// text for its value, ends it.
const (
	inTransaction    = 1 << 6
	endOfTransaction = 1 << 7

	versionLength = 8
	sumLength     = 4
	maxKey        = 1 << 16
	// leastEntry is the length of an entry of a version alone.
	leastEntry = 5 + versionLength + sumLength
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entry is a part of a log.
type entry struct {
	meta        byte
	key, value  []byte
	size        int    // of the whole
	transaction uint64 // its number
}

// parseEntry finds the parts of the entry that b begins with. It does not look
// at the checksum: see intact.
func parseEntry(b []byte) (entry, bool) {
	h, ok := parseHeader(b)
	if !ok || h.size() > len(b) {
		return entry{}, false
	}
	rest := b[h.length:]
	e := entry{meta: b[0], key: rest[:h.key], value: rest[h.key : h.key+h.value], size: h.size()}
	ok = e.number()
	return e, ok
}

// header is what precedes the key of an entry: its own length, and those of
// the key and the value.
type header struct{ length, key, value int }

func (h *header) size() int { return h.length + h.key + h.value + sumLength }

func parseHeader(b []byte) (header, bool) {
	if len(b) < leastEntry {
		return header{}, false
	}
	d := lengths{rest: b[2:]}
	key, value := d.next(maxKey), d.next(math.MaxUint32)
	d.next(math.MaxUint64) // expiry
	return header{len(b) - len(d.rest), int(key), int(value)}, !d.bad && key >= versionLength
}

// number finds the transaction where Badger does when it replays.
func (e *entry) number() bool {
	if e.meta&inTransaction == 0 && e.meta&endOfTransaction != 0 {
		n, err := strconv.ParseUint(string(e.value), 10, 64)
		e.transaction = n
		return err == nil
	}
	e.transaction = math.MaxUint64 - binary.BigEndian.Uint64(e.key[len(e.key)-versionLength:])
	return true
}

// intact checks the checksum of the entry that b begins with.
func (e *entry) intact(b []byte) bool {
	end := e.size - sumLength
	return crc32.Checksum(b[:end], castagnoli) == binary.BigEndian.Uint32(b[end:])
}

// readEntry reads the entry that b begins with.
func readEntry(b []byte) (entry, bool) {
	e, ok := parseEntry(b)
	return e, ok && e.intact(b)
}

// lengths reads uvarints until one is not there or too large.
type lengths struct {
	rest []byte
	bad  bool
}

func (l *lengths) next(most uint64) uint64 {
	v, n := binary.Uvarint(l.rest)
	if n <= 0 || v > most {
		l.bad = true
		return 0
	}
	l.rest = l.rest[n:]
	return v
}
