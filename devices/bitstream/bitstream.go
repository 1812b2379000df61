// Package bitstream loads images into FPGAs with their vendors' tools.
package bitstream

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/arqd/arqd/devices"
)

// Loader brings images to a tool.
type Loader struct {
	Images devices.ImageSource // where they come from
	Dir    string              // for the file that the tool reads; "" is the system's
	Limit  time.Duration       // for one run of the tool
	// Lock is a file that the tool keeps open, whatever becomes of this process: a
	// lock on it holds until the tool has ended. nil: there is none.
	Lock *os.File
}

var (
	// ErrNoImages is wrapped where no source of images is configured.
	ErrNoImages = errors.New("there is nowhere to get images from")
	// ErrDamaged is wrapped where what came is not the image.
	ErrDamaged = errors.New("the image is damaged")
	// ErrAtWork is wrapped where another process loads an image into the card: an
	// agent with another journal, or a tool that one has left behind.
	ErrAtWork = errors.New("another process is programming the card")
)

// Load fetches the image of a command to a file, has the tool load it, and
// removes the file. card is the folder of the card's function, which the tool keeps
// locked: no two load at the same time, whoever has started them. args gives the tool's arguments for the file; no shell is
// involved. The tool succeeds by exiting with 0; where it was ended before it
// could say how it went, the error wraps devices.ErrUnknownState.
func (l *Loader) Load(ctx context.Context, c devices.Command, card, suffix, tool string, args func(file string) []string) error {
	lock, err := lockCard(card)
	if err != nil {
		return err
	}
	if lock != nil {
		defer lock.Close()
	}
	file, err := l.fetch(ctx, c, suffix)
	if err != nil {
		return fmt.Errorf("image %s: %w", c.Image, err)
	}
	defer os.Remove(file)
	return l.run(ctx, lock, tool, args(file))
}

// lockCard locks a folder of sysfs; nil: it is not there.
func lockCard(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // the tool will say so
	}
	if err != nil {
		return nil, err
	}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrAtWork
	}
	if err != nil {
		return nil, errors.Join(&os.PathError{Op: "lock", Path: dir, Err: err}, f.Close())
	}
	return f, nil
}

// fetch writes the image to a file of its own, whole and checked against what
// the command says of it, or else its source.
func (l *Loader) fetch(ctx context.Context, c devices.Command, suffix string) (name string, err error) {
	if l.Images == nil {
		return "", ErrNoImages
	}
	body, image, err := l.Images.Open(ctx, c.Image)
	if err != nil {
		return "", err
	}
	defer body.Close()
	stop := context.AfterFunc(ctx, func() { _ = body.Close() }) // ends a read that hangs
	defer stop()
	if c.Content != (devices.Image{}) {
		image = c.Content
	}
	f, err := os.CreateTemp(l.Dir, c.Image.String()+"-*"+suffix)
	if err != nil {
		return "", err
	}
	err = errors.Join(copyChecked(f, body, image), f.Close())
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// copyChecked copies an image if it is what it should be.
func copyChecked(to io.Writer, from io.Reader, image devices.Image) error {
	sum := image.NewHash()
	if sum == nil {
		return fmt.Errorf("%w: its checksum is not known (%q)", ErrDamaged, image.Hash)
	}
	// One byte more than promised tells a longer image from the right one; the
	// source, too, must be read to its end.
	n, err := io.Copy(io.MultiWriter(to, sum), io.LimitReader(from, image.Size+1))
	switch got := hex.EncodeToString(sum.Sum(nil)); {
	case err != nil:
		return err
	case n != image.Size:
		return fmt.Errorf("%w: it should have %d bytes and has %d, or more", ErrDamaged, image.Size, n)
	case got != image.Digest:
		return fmt.Errorf("%w: its %s should be %s and is %s", ErrDamaged, image.Hash, image.Digest, got)
	}
	return nil
}

const (
	// killAfter is how long a tool that was told to end may take to.
	killAfter = 5 * time.Second
	// maxOutput is how much of a tool's last words is kept.
	maxOutput = 800
)

// run runs the tool and says in its words why it failed.
func (l *Loader) run(ctx context.Context, card *os.File, tool string, args []string) error {
	if l.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, l.Limit, fmt.Errorf("it took longer than %s: %w", l.Limit, context.DeadlineExceeded))
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, tool, args...)
	said := &tail{}
	cmd.Stdout, cmd.Stderr = said, said
	for _, lock := range []*os.File{l.Lock, card} {
		if lock != nil {
			cmd.ExtraFiles = append(cmd.ExtraFiles, lock)
		}
	}
	// Told to end, then made to, with all that it has started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && cmd.Process != nil:
		return fmt.Errorf("%w: %s was stopped: %w", devices.ErrUnknownState, tool, context.Cause(ctx))
	case cmd.ProcessState != nil && !cmd.ProcessState.Exited(), errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("%w: %s: %w: %s", devices.ErrUnknownState, tool, err, bytes.TrimSpace(said.text))
	default:
		return fmt.Errorf("%s: %w: %s", tool, err, bytes.TrimSpace(said.text))
	}
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

// Write is part of io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if more := len(t.text) - maxOutput; more > 0 {
		t.text = append(t.text[:0], t.text[more:]...)
	}
	return len(p), nil
}
