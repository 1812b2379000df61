package http

import (
	"io"
	"net"
	"time"
)

// How much of a refused request is still read, and for how long.
const (
	lingerBytes = 16 << 20
	lingerTime  = time.Second
)

// linger is called before the engine answers and closes a connection from
// which not all was read. Closing such a socket resets it, and the reset may
// overtake the answer. The engine has no say in how it closes, so a second
// descriptor keeps the socket open beyond that; hearOut ends it.
func (c *connection) linger() {
	if c == nil || c.second != nil {
		return
	}
	tcp, ok := socketOf(c.Conn).(*net.TCPConn)
	if !ok {
		return
	}
	file, err := tcp.File()
	if err != nil {
		return // out of descriptors: the answer may be lost
	}
	defer file.Close()
	if second, err := net.FileConn(file); err == nil {
		c.second = second
	}
}

// socketOf is what a connection is made of.
func socketOf(conn net.Conn) net.Conn {
	for {
		over, ok := conn.(interface{ NetConn() net.Conn }) // TLS, and what is over that
		if !ok {
			return conn
		}
		conn = over.NetConn()
	}
}

// hearOut says that no more will be said and reads on for a while, so that
// the client comes to read its answer. The engine's worker waits for it.
func (c *connection) hearOut() {
	second, ok := c.second.(*net.TCPConn)
	if !ok {
		return
	}
	defer second.Close()
	if second.CloseWrite() != nil || second.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(second, lingerBytes)) // however it ends
}
