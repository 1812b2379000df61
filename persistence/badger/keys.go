package badger

import (
	"bytes"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// Keys in Badger. Records: "r/" kind "/" and the 16 bytes of the id. A kind
// holds no "/" and all its bytes sort after "/", so the order of these keys is
// the order by kind and id that the contract asks for.
const (
	recordPrefix = "r/"
	formatKey    = "m/format"
	tallyKey     = "m/tally"
	keptKey      = "m/latest" // there: a file LATEST is kept
	tidyKey      = "m/tidy"   // there only while space is given back: see tidy.go
	idLength     = len(uuid.UUID{})
)

// keyLength is the length of the Badger key of k in bytes.
func keyLength(k persistence.Key) int {
	return len(recordPrefix) + len(k.Kind) + 1 + idLength
}

func appendKey(b []byte, k persistence.Key) []byte {
	b = append(b, recordPrefix...)
	b = append(b, k.Kind...)
	b = append(b, '/')
	return append(b, k.ID[:]...)
}

// kindPrefix is the common beginning of the keys of all records of a kind.
func kindPrefix(kind persistence.Kind) []byte {
	return []byte(recordPrefix + string(kind) + "/")
}

// keyReader parses keys that come in order, so that the text of a kind is
// looked for and allocated once and not for each record.
type keyReader struct {
	kind   persistence.Kind
	prefix []byte // of its keys
}

func (r *keyReader) parse(b []byte) (persistence.Key, bool) {
	if len(r.prefix) == 0 || len(b) != len(r.prefix)+idLength || !bytes.HasPrefix(b, r.prefix) {
		rest, ok := bytes.CutPrefix(b, []byte(recordPrefix))
		if !ok {
			return persistence.Key{}, false
		}
		kind, id, ok := bytes.Cut(rest, []byte("/"))
		if !ok || len(kind) == 0 || len(id) != idLength {
			return persistence.Key{}, false
		}
		r.kind = persistence.Kind(kind)
		r.prefix = kindPrefix(r.kind)
	}
	return persistence.Key{Kind: r.kind, ID: uuid.UUID(b[len(r.prefix):])}, true
}
