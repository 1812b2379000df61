package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// shelf is a source of records at hand.
type shelf []persistence.Record

func (s shelf) Each(_ context.Context, visit func(persistence.Record) error) error {
	for _, r := range s {
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

var example = shelf{
	{Key: persistence.Key{Kind: "arq", ID: uuid.UUID{1}}, Generation: 1, Body: []byte("first")},
	{
		Key: persistence.Key{Kind: "handle", ID: uuid.UUID{2}}, Generation: 300, Body: []byte{},
		Indexes: []persistence.Index{{Name: "state", Value: "free"}},
		Claims:  []persistence.Claim{{Space: "holder", Value: "\x00\xff"}, {Space: "name", Value: ""}},
	},
}

func write(tb testing.TB, from Source) []byte {
	tb.Helper()
	var b bytes.Buffer
	head := Head{Taken: time.Date(2026, 11, 23, 4, 5, 6, 0, time.UTC), Records: 7}
	n, err := Write(context.Background(), &b, head, from)
	if err != nil || n != uint64(len(example)) {
		tb.Fatalf("%d records, %v", n, err)
	}
	return b.Bytes()
}

func read(b []byte) (Head, shelf, error) {
	r, err := Open(bytes.NewReader(b))
	if err != nil {
		return Head{}, nil, err
	}
	var got shelf
	err = r.Each(context.Background(), func(rec persistence.Record) error { got = append(got, rec); return nil })
	return r.Head, got, err
}

func TestRoundTrip(t *testing.T) {
	b := write(t, example)
	head, got, err := read(b)
	if err != nil || !reflect.DeepEqual(got, example) {
		t.Errorf("%+v, %v\nwant %+v", got, err, example)
	}
	if head.Version != version || head.Records != 7 || head.Taken.Year() != 2026 {
		t.Errorf("%+v", head)
	}
}

// TestEveryDamageIsFound changes, cuts and adds bytes, one at a time.
func TestEveryDamageIsFound(t *testing.T) {
	b := write(t, example)
	first := bytes.IndexByte(b, '\n') + 1
	for at := range b {
		bad := bytes.Clone(b)
		bad[at] ^= 1
		if _, got, err := read(bad); err == nil {
			t.Errorf("byte %d changed: %+v", at, got)
		}
		_, _, err := read(b[:at])
		if want := ErrIncomplete; at < first && !errors.Is(err, ErrNotBackup) || at >= first && !errors.Is(err, want) {
			t.Errorf("cut at %d: %v", at, err)
		}
	}
	if _, _, err := read(append(bytes.Clone(b), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestNotABackup(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":     "",
		"text":        "PK\x03\x04 something",
		"JSON":        `{"kind": "arq"}` + "\n",
		"longer line": strings.Repeat("x", 2*longestHead) + "\n",
	} {
		if _, _, err := read([]byte(text)); !errors.Is(err, ErrNotBackup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := read([]byte(`{"arqd_backup": 2}` + "\n"))
	if err == nil || !strings.Contains(err.Error(), "newer arqd (form 2, this arqd knows up to 1)") {
		t.Errorf("%v", err)
	}
}

// TestWriteSaysWhatFails: of the source, or of what is written to.
func TestWriteSaysWhatFails(t *testing.T) {
	bad := errors.New("no such luck")
	if _, err := Write(t.Context(), &bytes.Buffer{}, Head{}, failing{bad}); !errors.Is(err, bad) {
		t.Errorf("source: %v", err)
	}
	if _, err := Write(t.Context(), failing{bad}, Head{}, example); !errors.Is(err, bad) {
		t.Errorf("target: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Each(context.Context, func(persistence.Record) error) error { return f.err }
func (f failing) Write([]byte) (int, error)                                  { return 0, f.err }

// FuzzRead: any bytes end in records or an error.
func FuzzRead(f *testing.F) {
	b := write(f, example)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, got, err := read(b); err == nil {
			if _, err := Write(t.Context(), io.Discard, Head{}, got); err != nil {
				t.Error(err)
			}
		}
	})
}
