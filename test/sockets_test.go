package test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
)

// hasRead tells whether the service has taken in everything that was written
// to the connections: nothing is left in the kernel's queues of its side.
// Without Linux' /proc it is taken for granted.
func (p *process) hasRead(wires []*wire) bool {
	file, err := os.Open("/proc/net/tcp")
	if err != nil {
		return true
	}
	defer file.Close()
	waiting := map[string]bool{} // by the hexadecimal ports of both sides
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 5 {
			continue
		}
		_, local, _ := strings.Cut(fields[1], ":")
		_, remote, _ := strings.Cut(fields[2], ":")
		_, unread, _ := strings.Cut(fields[4], ":")
		waiting[local+" "+remote] = strings.Trim(unread, "0") != ""
	}
	for _, w := range wires {
		server, _ := w.conn.RemoteAddr().(*net.TCPAddr)
		client, _ := w.conn.LocalAddr().(*net.TCPAddr)
		unread, known := waiting[fmt.Sprintf("%04X %04X", server.Port, client.Port)]
		if unread || !known {
			return false
		}
	}
	return true
}
