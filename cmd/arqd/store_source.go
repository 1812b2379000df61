package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/persistence/backup"
	"github.com/arqd/arqd/persistence/badger"
)

// source is where a command on the store reads records.
type source struct {
	backup.Source
	name string // in sentences
	head backup.Head
}

// read gives use what is to be read: the backup that was named, the store, or,
// where another process has it open, what that process hands out.
func (c *storeCall) read(ctx context.Context, use func(*source) error) error {
	switch {
	case c.salvage && c.backup != "":
		return errors.New("--salvage is for a store, not for a backup")
	case c.salvage:
		return c.readWreck(use)
	case c.backup != "":
		return c.readBackup(use)
	}
	store, err := c.openStore()
	if errors.Is(err, badger.ErrInUse) {
		return c.readService(ctx, use)
	}
	if err != nil {
		return err
	}
	return errors.Join(use(&source{store, "the store", headOf(store)}), store.Close())
}

// openStore opens a store that is there. What it changes in doing so, it warns of.
func (c *storeCall) openStore() (*badger.Store, error) {
	dir := storeDir(c.cfg)
	files, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && len(files) == 0:
		return nil, fmt.Errorf("there is no store in %s", dir)
	case err != nil:
		return nil, fmt.Errorf("the store cannot be looked at: %w", err)
	}
	warnings := slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})
	return badger.Open(badger.Options{Dir: dir, Logger: slog.New(warnings)})
}

// readWreck reads what is intact of a store, and says what is not.
func (c *storeCall) readWreck(use func(*source) error) error {
	found, err := badger.Salvage(storeDir(c.cfg))
	if err != nil {
		return err
	}
	head := backup.Head{Taken: time.Now().UTC(), Records: found.Records()}
	err = use(&source{found, "what is left of the store", head})
	for _, lost := range found.Lost {
		fmt.Fprintf(c.stderr, "lost: %s\n", lost)
	}
	if len(found.Lost) > 0 {
		err = errors.Join(err, fmt.Errorf("not all of the store in %s could be read", storeDir(c.cfg)))
	}
	return err
}

func (c *storeCall) readBackup(use func(*source) error) error {
	in, err := c.input(c.backup)
	if err != nil {
		return err
	}
	defer in.Close()
	from, err := backup.Open(in)
	if err != nil {
		return fmt.Errorf("%s: %w", c.backup, err)
	}
	return use(&source{from, "the backup", from.Head})
}

func (c *storeCall) input(file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(c.stdin), nil
	}
	return os.Open(file)
}

// readService asks the service that has the store open for a picture of it.
func (c *storeCall) readService(ctx context.Context, use func(*source) error) error {
	where := "http://" + c.operatorsAddress() + http.BackupPath
	request, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodGet, where, nil)
	if err != nil {
		return err
	}
	client := &nethttp.Client{Transport: &nethttp.Transport{DisableKeepAlives: true}} // no proxy
	answer, err := client.Do(request)
	if errors.Is(err, io.EOF) {
		return errBrokenOff
	}
	if err != nil {
		return fmt.Errorf("%w, and its operators' listener does not answer: %w", badger.ErrInUse, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != nethttp.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1024))
		return fmt.Errorf("%s: %s: %s", where, answer.Status, strings.TrimSpace(string(text)))
	}
	from, err := backup.Open(answer.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	err = use(&source{from, "the store in use, as of " + from.Head.Taken.Format(time.RFC3339) + ",", from.Head})
	if errors.Is(err, backup.ErrIncomplete) {
		err = fmt.Errorf("%w: %w", errBrokenOff, err)
	}
	return err
}

var errBrokenOff = errors.New("the service that has the store open broke off what it gave of it; its log says why")

// operatorsAddress is where the operators' listener is to be reached from this
// machine.
func (c *storeCall) operatorsAddress() string {
	host := c.cfg.Arqd.AdminHost
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(c.cfg.Arqd.AdminPort))
}
