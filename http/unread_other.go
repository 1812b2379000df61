//go:build !linux

package http

import "net"

// unread is only known on Linux.
func unread(net.Conn) bool { return false }
