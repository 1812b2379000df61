package uevent

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Kernel is the source on this machine: the kernel's own messages.
type Kernel struct{}

const (
	kernelGroup = 1 // of multicast: the kernel; udev has another one
	// bufferBytes is how many messages may wait: a card with many functions
	// sends hundreds at once.
	bufferBytes = 4 << 20
)

// Run implements Source.
func (Kernel) Run(ctx context.Context, events func(Event)) error {
	conn, err := open()
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	buf := make([]byte, mostBytes)
	for {
		n, from, err := receive(raw, buf)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			events(Event{Lost: true})
		case err != nil:
			return ended(ctx, err)
		case from == nil || from.Pid != 0: // anybody with the right to may send
		default:
			if e, err := Parse(buf[:n]); err == nil {
				events(e)
			}
		}
	}
}

// open gives the socket, as a file that can be waited for.
func open() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// Beyond the system's bound only with the right to; less will do.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferBytes) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bufferBytes)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "uevents"), nil
}

// receive waits for a message, and says who sent it.
func receive(raw interface {
	Read(f func(fd uintptr) (done bool)) error
}, buf []byte,
) (n int, from *unix.SockaddrNetlink, err error) {
	var sender unix.Sockaddr
	failed := raw.Read(func(fd uintptr) bool {
		err = unix.EINTR
		for errors.Is(err, unix.EINTR) {
			n, sender, err = unix.Recvfrom(int(fd), buf, 0)
		}
		return !errors.Is(err, unix.EAGAIN)
	})
	if failed != nil {
		return 0, nil, failed
	}
	from, _ = sender.(*unix.SockaddrNetlink)
	return n, from, err
}
