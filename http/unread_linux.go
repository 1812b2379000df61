package http

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unread tells whether a client has sent what nobody has looked at yet: where
// processors are short, it is not the client that keeps us waiting.
func unread(conn net.Conn) bool {
	socket, ok := socketOf(conn).(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	_ = raw.Control(func(fd uintptr) {
		if have, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil { //nolint:gosec // a descriptor is small
			n = have
		}
	})
	return n > 0
}
