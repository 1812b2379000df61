package main

import "golang.org/x/sys/unix"

const (
	mostConnections  = 16384
	leastConnections = 64
	// otherDescriptors are left for the store, which stops when it cannot open a
	// file, and for the operators' listener.
	otherDescriptors = 512
)

// maxConnections is how many clients may be connected: no more than there are
// file descriptors for, of which a connection may need two.
func maxConnections() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return mostConnections
	}
	most := (int64(min(limit.Cur, 1<<32)) - otherDescriptors) / 2
	return int(min(max(most, leastConnections), mostConnections))
}
