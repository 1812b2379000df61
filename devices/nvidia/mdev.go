package nvidia

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/record"
)

const mdevTypes = "mdev_supported_types"

// Commands gives what Do carries out.
func (d *Driver) Commands() []devices.CommandKind {
	return []devices.CommandKind{devices.CreateMdev, devices.RemoveMdev, devices.SetVGPUType}
}

// Do makes and removes the mediated device of a handle, or sets the vGPU type of
// its virtual function. The mediated device has the handle's uuid, so all of it can
// be repeated.
func (d *Driver) Do(ctx context.Context, c devices.Command) error {
	switch c.Kind {
	case devices.CreateMdev, devices.RemoveMdev:
	case devices.SetVGPUType:
		return d.setType(ctx, c)
	default:
		return d.Driver.Do(ctx, c)
	}
	at, vgpu, err := record.ParseMdev(c.HandleInfo)
	if err != nil {
		return err
	}
	if strings.ContainsRune(vgpu, '/') || strings.HasPrefix(vgpu, ".") {
		return fmt.Errorf("%q is no type of mediated device", vgpu)
	}
	dir := d.Bus.Path("sys", "class", "mdev_bus", at.String(), mdevTypes, vgpu)
	id := c.Handle.String()
	mdev := filepath.Join(dir, "devices", id)
	if c.Kind == devices.CreateMdev {
		err = create(ctx, dir, mdev, id)
	} else {
		err = remove(ctx, mdev)
	}
	if err != nil {
		return fmt.Errorf("%s of type %s on %s: %w", c.Kind, vgpu, at, err)
	}
	return nil
}

func create(ctx context.Context, dir, mdev, id string) error {
	if exists(mdev) {
		return nil
	}
	err := writeAttribute(ctx, filepath.Join(dir, "create"), id)
	if errors.Is(err, fs.ErrExist) && exists(mdev) {
		return nil // somebody repeated the command meanwhile
	}
	return err
}

func remove(ctx context.Context, mdev string) error {
	if !exists(mdev) {
		return nil
	}
	err := writeAttribute(ctx, filepath.Join(mdev, "remove"), "1")
	if err != nil && !exists(mdev) {
		return nil // gone meanwhile
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// writeAttribute writes all of text at once, as sysfs wants it. The kernel may
// take its time over it and cannot be interrupted: when ctx ends first, the
// write is left to itself and its outcome is unknown.
func writeAttribute(ctx context.Context, path, text string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(text)
			err = errors.Join(err, f.Close())
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%s has not answered: %w", path, ctx.Err())
	}
}
