package badger

import (
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

func decode(key, value []byte) (persistence.Record, error) {
	var r persistence.Record
	err := decodeEnvelope(&r, key, value)
	return r, err
}

func examplePut() *persistence.Put {
	return &persistence.Put{
		Key: key(7), Expected: 299, Body: []byte("body"),
		Indexes: []persistence.Index{{Name: "state", Value: "Bound"}, {Name: "", Value: ""}},
		Claims:  []persistence.Claim{{Space: "handle", Value: "\x00\xff"}},
	}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	p := examplePut()
	stored := appendEnvelope([]byte("before"), []byte("k"), p)[len("before"):]
	got, err := decode([]byte("k"), stored)
	want := persistence.Record{Generation: 300, Body: p.Body, Indexes: p.Indexes, Claims: p.Claims}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v (%v), want %+v", got, err, want)
	}
	if len(stored) > envelopeBound(p) {
		t.Errorf("%d bytes, more than the bound of %d", len(stored), envelopeBound(p))
	}
}

func TestEnvelopeFindsEveryDamage(t *testing.T) {
	stored := appendEnvelope(nil, []byte("k"), examplePut())
	for i := range stored {
		for bit := range 8 {
			broken := slices.Clone(stored)
			broken[i] ^= 1 << bit
			if _, err := decode([]byte("k"), broken); err == nil {
				t.Errorf("bit %d of byte %d flipped, and not found", bit, i)
			}
		}
		if _, err := decode([]byte("k"), stored[:i]); err == nil {
			t.Errorf("cut to %d bytes, and not found", i)
		}
	}
	if _, err := decode([]byte("l"), stored); !errors.Is(err, errChecksum) {
		t.Errorf("under another key: %v", err)
	}
}

// sealed gives content the checksum that it needs to be looked at.
func sealed(key, content []byte) []byte {
	return binary.LittleEndian.AppendUint32(slices.Clone(content), checksum(key, content))
}

func TestEnvelopeRefusesNonsenseWithAGoodChecksum(t *testing.T) {
	for name, test := range map[string]struct {
		content []byte
		want    error
	}{
		"newer version":         {[]byte{2, 1, 0, 0}, errVersion},
		"version 0":             {[]byte{0, 1, 0, 0}, errVersion},
		"only a version":        {[]byte{1}, errTruncated},
		"generation 0":          {[]byte{1, 0, 0, 0}, errRange},
		"generation of 33 bits": {[]byte{1, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0}, errRange},
		"endless generation":    {[]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, errTruncated},
		"more indexes than fit": {[]byte{1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, errTruncated},
		"text longer than all":  {[]byte{1, 1, 1, 3, 'a', 'b'}, errTruncated},
		"huge text":             {[]byte{1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}, errTruncated},
		"no claims":             {[]byte{1, 1, 0}, errTruncated},
	} {
		if _, err := decode([]byte("k"), sealed([]byte("k"), test.content)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// FuzzEnvelope: any bytes are either refused or a record that survives being
// written again.
func FuzzEnvelope(f *testing.F) {
	p := examplePut()
	f.Add([]byte("r/arq/0123456789abcdef"), appendEnvelope(nil, nil, p)[:30])
	f.Add([]byte("k"), []byte{1, 1, 0, 0})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, key, content []byte) {
		_, _ = decode(key, content)
		r, err := decode(key, sealed(key, content))
		if err != nil {
			return
		}
		p := persistence.Put{Expected: r.Generation - 1, Body: r.Body, Indexes: r.Indexes, Claims: r.Claims}
		stored := appendEnvelope(nil, key, &p)
		if len(stored) > envelopeBound(&p) {
			t.Errorf("%d bytes, more than the bound of %d", len(stored), envelopeBound(&p))
		}
		again, err := decode(key, stored)
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%+v became %+v (%v)", r, again, err)
		}
	})
}

// FuzzKey: a key is parsed as what it was made of, or not at all.
func FuzzKey(f *testing.F) {
	f.Add([]byte("r/arq/0123456789abcdef"))
	f.Add([]byte("r//0123456789abcdef"))
	f.Add([]byte("m/format"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var reader keyReader
		k, ok := reader.parse(raw)
		if ok && string(appendKey(nil, k)) != string(raw) {
			t.Errorf("%q parsed as %v, which is %q", raw, k, appendKey(nil, k))
		}
	})
}

func TestKeyLength(t *testing.T) {
	for _, kind := range []persistence.Kind{"a", "arq", "deviceprofile"} {
		k := persistence.Key{Kind: kind, ID: uuid.Max}
		if got := appendKey(nil, k); len(got) != keyLength(k) {
			t.Errorf("%q: %d bytes, keyLength says %d", got, len(got), keyLength(k))
		}
	}
}
