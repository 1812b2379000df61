package storetest

import (
	"bytes"
	"math/rand/v2"
	"strings"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

var valueTests = map[string]func(trial){
	"BodiesOfAllSizes":       bodies,
	"BinaryIndexesAndClaims": binaryValues,
	"ManyLargeTransitions":   manyLarge,
	"FirstAndLastID":         edgeIDs,
}

// largest is the body that every adapter must take: 256 KiB.
const largest = 256 << 10

func randomBytes(n int) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func bodies(t trial) {
	s := t.open()
	for i, size := range []int{0, 1, 127, 128, 4095, 4096, 65535, 65536, largest} {
		p := persistence.Put{Key: key("blob", i), Body: randomBytes(size)}
		s.wins(puts(p))
		s.has(record(p))
	}
	shrunk := put(key("blob", 8), 1, "")
	s.wins(puts(shrunk))
	s.has(record(shrunk))
}

func binaryValues(t trial) {
	s := t.open()
	var every strings.Builder
	for i := range 256 {
		every.WriteByte(byte(i))
	}
	p := persistence.Put{
		Key:  key("blob", 1),
		Body: bytes.Repeat([]byte{0, 0xff, '\n'}, 5),
		Indexes: []persistence.Index{
			{Name: "all", Value: every.String()},
			{Name: "empty", Value: ""},
			{Name: "all", Value: "a name may come twice"},
		},
		Claims: []persistence.Claim{{Space: "all", Value: every.String()}, {Space: "empty"}, {Space: "zero", Value: "\x00"}},
	}
	s.wins(puts(p))
	s.has(record(p))
	sameAll(t, "by binary index", s.list(persistence.Query{Kind: "blob", Index: p.Indexes[0]}),
		[]persistence.Record{record(p)})
	s.loses(puts(put(key("blob", 2), 0, "", p.Claims[0])))
	s.wins(puts(put(key("blob", 2), 0, "", persistence.Claim{Space: "zero", Value: "\x00\x00"})))
}

// manyLarge is more than any adapter writes at once.
func manyLarge(t trial) {
	s := t.open()
	var transitions []persistence.Transition
	for i := range 24 {
		transitions = append(transitions, puts(persistence.Put{Key: key("blob", i), Body: randomBytes(largest - i)}))
	}
	s.wins(transitions...)
	for _, transition := range transitions {
		s.has(record(transition.Puts[0]))
	}
}

func edgeIDs(t trial) {
	s := t.open()
	first := put(persistence.Key{Kind: "arq", ID: uuid.Nil}, 0, "first")
	last := put(persistence.Key{Kind: "arq", ID: uuid.Max}, 0, "last")
	slashes := put(persistence.Key{Kind: "arq", ID: uuid.UUID(bytes.Repeat([]byte{'/'}, 16))}, 0, "slashes")
	s.wins(puts(last, slashes, first))
	want := []persistence.Record{record(first), record(slashes), record(last)}
	sameAll(t, "list", s.list(persistence.Query{Kind: "arq"}), want)
	sameAll(t, "list after the middle", s.list(persistence.Query{Kind: "arq", After: slashes.Key}), want[2:])
	sameAll(t, "each", all(t, s.Each), want)
}
