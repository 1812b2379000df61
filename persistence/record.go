package persistence

import (
	"encoding/hex"

	"github.com/google/uuid"
)

// Kind names a family of records, such as "arq". At most 32 bytes of lower-case
// letters and digits.
type Kind string

// Key addresses one record. Every record is addressed by a 16-byte id: a UUID
// of the thing it describes, or one derived from its name.
type Key struct {
	Kind Kind
	ID   uuid.UUID
}

// String gives the key as it is written in logs and dumps: kind/uuid.
func (k Key) String() string {
	return string(k.Kind) + "/" + k.ID.String()
}

// Index is one searchable value of a record: Name says of which field.
type Index struct {
	Name  string
	Value string
}

// Claim is a value that at most one record of the store may carry at a time.
type Claim struct {
	Space string
	Value string
}

// String gives the claim in a form fit for logs, whatever bytes Value holds.
func (c Claim) String() string {
	for i := range len(c.Value) {
		if c.Value[i] < 0x20 || c.Value[i] > 0x7e {
			return c.Space + "=0x" + hex.EncodeToString([]byte(c.Value))
		}
	}
	return c.Space + "=" + c.Value
}

// Record is the newest stored state of one thing.
//
// Generation starts at 1 and rises by one with each write. A record that was
// deleted and made again starts at 1 again; ids of things are therefore never
// reused, except for records that are named after something outside (an
// instance), whose writers always state conditions on other records as well.
type Record struct {
	Key        Key
	Generation uint64
	Body       []byte
	Indexes    []Index
	Claims     []Claim
}
