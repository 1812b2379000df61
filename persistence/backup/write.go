package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/arqd/arqd/persistence"
)

// version is that of the form of a backup.
const version = 1

// Head begins a backup.
type Head struct {
	// Version is that of the form; Write sets it.
	Version int `json:"arqd_backup"`
	// Taken is when the backup was begun. Whatever was acknowledged before is
	// in it.
	Taken time.Time `json:"taken"`
	// Records is about how many there are: as many as there were just before.
	Records uint64 `json:"records"`
}

// Source is what a backup is made from: a persistence.Store, or a Reader.
type Source interface {
	Each(ctx context.Context, visit func(persistence.Record) error) error
}

const bufferSize = 1 << 18

// Write writes a backup of one consistent picture of the source, and returns
// the number of records in it. Without an error, all of it was written to w; a
// backup that ends early is recognized by its reader.
func Write(ctx context.Context, w io.Writer, head Head, from Source) (uint64, error) {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), bufferSize)
	head.Version = version
	if err := json.NewEncoder(out).Encode(head); err != nil {
		return 0, fmt.Errorf("write backup: %w", err)
	}
	var count uint64
	var record, length []byte
	err := from.Each(ctx, func(r persistence.Record) error {
		count++
		record = appendRecord(record[:0], &r)
		length = binary.AppendUvarint(length[:0], uint64(len(record)))
		_, err := out.Write(length)
		if err == nil {
			_, err = out.Write(record)
		}
		return err
	})
	if err == nil {
		_, err = out.Write(binary.LittleEndian.AppendUint64([]byte{0}, count))
	}
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		_, err = w.Write(sum.Sum(nil))
	}
	if err != nil {
		return count, fmt.Errorf("write backup: %w", err)
	}
	return count, nil
}

func appendRecord(b []byte, r *persistence.Record) []byte {
	b = appendText(b, string(r.Key.Kind))
	b = append(b, r.Key.ID[:]...)
	b = binary.AppendUvarint(b, r.Generation)
	b = binary.AppendUvarint(b, uint64(len(r.Indexes)))
	for _, x := range r.Indexes {
		b = appendText(appendText(b, x.Name), x.Value)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Claims)))
	for _, c := range r.Claims {
		b = appendText(appendText(b, c.Space), c.Value)
	}
	return append(b, r.Body...)
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
