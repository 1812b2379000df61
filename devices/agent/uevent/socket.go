package uevent

import (
	"context"
	"io/fs"
	"net"
	"os"
)

// Socket is a source for trees that are not this machine's: datagrams of a Unix
// socket, which is made at a path, in the kernel's form.
type Socket string

// Run implements Source.
func (s Socket) Run(ctx context.Context, events func(Event)) error {
	// What an agent before this one has left.
	if info, err := os.Lstat(string(s)); err == nil && info.Mode().Type() == fs.ModeSocket {
		_ = os.Remove(string(s)) // or else listening fails
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: string(s), Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	buf := make([]byte, mostBytes)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return ended(ctx, err)
		}
		if e, err := Parse(buf[:n]); err == nil {
			events(e)
		}
	}
}

// ended gives the error of a source whose reading has failed; nil: it was to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // closed because it was to end
	}
	return err
}
