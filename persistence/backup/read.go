package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

var (
	// ErrNotBackup is returned for what does not begin as a backup does.
	ErrNotBackup = errors.New("this is not a backup of arqd")
	// ErrIncomplete is wrapped where a backup ends before its end.
	ErrIncomplete = errors.New("the backup is not complete")
	// ErrDamaged is wrapped where a backup's sum is wrong, or something in it
	// makes no sense.
	ErrDamaged = errors.New("the backup is damaged")
)

const (
	longestHead   = 4096
	longestRecord = 64 << 20
)

// Reader reads a backup once. Open makes it.
type Reader struct {
	Head Head
	in   *bufio.Reader
	sum  hash.Hash
}

// Open reads the head of a backup.
func Open(r io.Reader) (*Reader, error) {
	sum := sha256.New()
	in := bufio.NewReaderSize(r, bufferSize)
	line, err := readLine(in)
	if err != nil {
		return nil, err
	}
	b := &Reader{in: in, sum: sum}
	if json.Unmarshal(line, &b.Head) != nil || b.Head.Version == 0 {
		return nil, ErrNotBackup
	}
	if b.Head.Version > version {
		return nil, fmt.Errorf("the backup is of a newer arqd (form %d, this arqd knows up to %d)", b.Head.Version, version)
	}
	sum.Write(line)
	return b, nil
}

// readLine reads the first line of what may be anything.
func readLine(in *bufio.Reader) ([]byte, error) {
	start, err := in.Peek(longestHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read backup: %w", err)
	}
	end := bytes.IndexByte(start, '\n')
	if end < 0 {
		return nil, ErrNotBackup
	}
	line := make([]byte, end+1)
	_, err = io.ReadFull(in, line)
	return line, err
}

// Each visits the records. Only when it returns nil is it known that they are
// whole, and all: the sum is at the end. The visitor may keep the record.
func (b *Reader) Each(ctx context.Context, visit func(persistence.Record) error) error {
	for count := uint64(0); ; count++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := b.next()
		if err != nil {
			return err
		}
		if record == nil {
			return b.finish(count)
		}
		r, ok := decodeRecord(record)
		if !ok {
			return fmt.Errorf("%w: record %d is unreadable", ErrDamaged, count+1)
		}
		if err := visit(r); err != nil {
			return err
		}
	}
}

// next reads the bytes of a record; nil after the last.
func (b *Reader) next() ([]byte, error) {
	length, err := binary.ReadUvarint(b.in)
	switch {
	case incomplete(err):
		return nil, ErrIncomplete
	case err != nil || length > longestRecord:
		return nil, fmt.Errorf("%w: a record of %d bytes (%w)", ErrDamaged, length, errors.Join(err))
	}
	b.sum.Write(binary.AppendUvarint(nil, length))
	if length == 0 {
		return nil, nil
	}
	record := make([]byte, length)
	if err := b.fill(record); err != nil {
		return nil, err
	}
	b.sum.Write(record)
	return record, nil
}

func incomplete(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func (b *Reader) fill(p []byte) error {
	_, err := io.ReadFull(b.in, p)
	if incomplete(err) {
		return ErrIncomplete
	}
	return err
}

// finish checks what follows the records.
func (b *Reader) finish(count uint64) error {
	end := make([]byte, 8+sha256.Size)
	if err := b.fill(end); err != nil {
		return err
	}
	b.sum.Write(end[:8])
	switch {
	case !bytes.Equal(b.sum.Sum(nil), end[8:]):
		return fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	case binary.LittleEndian.Uint64(end) != count:
		return fmt.Errorf("%w: it holds %d records and says %d", ErrDamaged, count, binary.LittleEndian.Uint64(end))
	}
	if _, err := b.in.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows its end", ErrDamaged)
	}
	return nil
}

func decodeRecord(b []byte) (r persistence.Record, ok bool) {
	d := decoder{rest: b}
	r.Key.Kind = persistence.Kind(d.text())
	r.Key.ID = uuid.UUID(d.take(uint64(len(r.Key.ID)), r.Key.ID[:]))
	r.Generation = d.number()
	for n := d.pairs(); n > 0; n-- {
		r.Indexes = append(r.Indexes, persistence.Index{Name: d.text(), Value: d.text()})
	}
	for n := d.pairs(); n > 0; n-- {
		r.Claims = append(r.Claims, persistence.Claim{Space: d.text(), Value: d.text()})
	}
	r.Body = d.rest
	return r, !d.bad && r.Key.Kind != "" && r.Generation > 0
}

// decoder takes the parts of a record until something is not there.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// pairs is a number of pairs of texts, which cannot be more than bytes are left.
func (d *decoder) pairs() uint64 {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.bad = true
		return 0
	}
	return n
}

// take gives the next n bytes, or otherwise.
func (d *decoder) take(n uint64, otherwise []byte) []byte {
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return otherwise
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) text() string { return string(d.take(d.number(), nil)) }
