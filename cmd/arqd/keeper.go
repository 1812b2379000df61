package main

import (
	"context"
	"io"
	"time"

	"github.com/arqd/arqd/persistence/backup"
	"github.com/arqd/arqd/persistence/badger"
)

// keeper gives backups of the store in use.
type keeper struct{ store *badger.Store }

// Backup writes one consistent picture of the store.
func (k keeper) Backup(ctx context.Context, w io.Writer) error {
	_, err := backup.Write(ctx, w, headOf(k.store), k.store)
	return err
}

// headOf says what a backup that begins now is of.
func headOf(store *badger.Store) backup.Head {
	return backup.Head{Taken: time.Now().UTC(), Records: store.Stats().Records}
}
