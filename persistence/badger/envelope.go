package badger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"github.com/arqd/arqd/persistence"
)

// A stored value, the envelope, is
//
//	version   1 byte
//	generation            uvarint
//	number of indexes     uvarint, then name and value of each
//	number of claims      uvarint, then space and value of each
//	body                  the rest but
//	CRC-32C   4 bytes, little endian, over the key and all before it
//
// where each text is its length as a uvarint and its bytes. The key is in the
// checksum, so that a value under a wrong key is found out as well.
const (
	envelopeVersion = 1
	checksumLength  = 4
	// leastPair is the length of a pair of empty texts: it bounds the number
	// of pairs that the bytes at hand can hold.
	leastPair = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errTruncated = errors.New("truncated")
	errChecksum  = errors.New("checksum mismatch")
	errVersion   = errors.New("unknown envelope version")
	errRange     = errors.New("generation out of range")
)

// envelopeBound is the most bytes that the envelope of a put takes.
func envelopeBound(p *persistence.Put) int {
	const v = binary.MaxVarintLen64
	n := 1 + 3*v + len(p.Body) + checksumLength
	for i := range p.Indexes {
		n += 2*v + len(p.Indexes[i].Name) + len(p.Indexes[i].Value)
	}
	for i := range p.Claims {
		n += 2*v + len(p.Claims[i].Space) + len(p.Claims[i].Value)
	}
	return n
}

// appendEnvelope appends the envelope of a put that is stored under key.
func appendEnvelope(b, key []byte, p *persistence.Put) []byte {
	start := len(b)
	b = append(b, envelopeVersion)
	b = binary.AppendUvarint(b, p.Expected+1)
	b = binary.AppendUvarint(b, uint64(len(p.Indexes)))
	for i := range p.Indexes {
		b = appendText(appendText(b, p.Indexes[i].Name), p.Indexes[i].Value)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Claims)))
	for i := range p.Claims {
		b = appendText(appendText(b, p.Claims[i].Space), p.Claims[i].Value)
	}
	b = append(b, p.Body...)
	return binary.LittleEndian.AppendUint32(b, checksum(key, b[start:]))
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func checksum(key, content []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, content)
}

// decodeEnvelope fills all of r but its Key. It copies: value may change
// afterwards. Any bytes may be given to it.
func decodeEnvelope(r *persistence.Record, key, value []byte) error {
	err := openEnvelope(r, key, value)
	r.Body = append([]byte{}, r.Body...)
	return err
}

// openEnvelope does the same, but the body stays a part of value.
func openEnvelope(r *persistence.Record, key, value []byte) error {
	if len(value) < 1+checksumLength {
		return errTruncated
	}
	content, sum := value[:len(value)-checksumLength], value[len(value)-checksumLength:]
	if binary.LittleEndian.Uint32(sum) != checksum(key, content) {
		return errChecksum
	}
	if content[0] != envelopeVersion {
		return errVersion
	}
	d := decoder{rest: content[1:]}
	r.Generation = d.uvarint()
	r.Indexes = indexesOf(d.pairs())
	r.Claims = claimsOf(d.pairs())
	if d.err == nil && (r.Generation == 0 || r.Generation > maxGeneration) {
		d.err = errRange
	}
	r.Body = d.rest
	return d.err
}

// decoder reads from rest until something does not fit, and remembers that.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.rest, d.err = nil, errTruncated
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) length() int {
	v := d.uvarint()
	if v > uint64(len(d.rest)) || v > math.MaxInt32 {
		d.rest, d.err = nil, errTruncated
		return 0
	}
	return int(v)
}

// pairs gives the number of pairs and one string that holds them all, still
// encoded: their texts are cut out of it, which is one allocation for all.
func (d *decoder) pairs() (int, string) {
	n := d.uvarint()
	if n > uint64(len(d.rest)/leastPair) {
		d.rest, d.err = nil, errTruncated
	}
	if n == 0 || d.err != nil {
		return 0, ""
	}
	begin := d.rest
	for range 2 * n {
		length := d.length()
		d.rest = d.rest[length:]
	}
	if d.err != nil {
		return 0, ""
	}
	return int(n), string(begin[:len(begin)-len(d.rest)])
}

func indexesOf(n int, texts string) []persistence.Index {
	if n == 0 {
		return nil
	}
	indexes := make([]persistence.Index, n)
	for i := range indexes {
		indexes[i].Name, texts = cutText(texts)
		indexes[i].Value, texts = cutText(texts)
	}
	return indexes
}

func claimsOf(n int, texts string) []persistence.Claim {
	if n == 0 {
		return nil
	}
	claims := make([]persistence.Claim, n)
	for i := range claims {
		claims[i].Space, texts = cutText(texts)
		claims[i].Value, texts = cutText(texts)
	}
	return claims
}

// cutText takes a text off s, which pairs has found to be well formed.
func cutText(s string) (text, rest string) {
	var length, shift, i int
	for ; s[i] >= 0x80; i++ {
		length |= int(s[i]&0x7f) << shift
		shift += 7
	}
	length |= int(s[i]) << shift
	i++
	return s[i : i+length], s[i+length:]
}
