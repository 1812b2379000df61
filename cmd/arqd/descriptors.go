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
// file descriptors for, of which a connection may need two. Where agents are
// listened to, a third is theirs.
func maxConnections(withAgents bool) int {
	share := descriptors() / 2
	if withAgents {
		share = descriptors() / 3
	}
	return within(share)
}

// maxAgentConnections is how many connections agents may have open, each of
// which needs one descriptor.
func maxAgentConnections() int { return within(descriptors() / 3) }

func within(n int64) int { return int(min(max(n, leastConnections), mostConnections)) }

// descriptors is how many file descriptors there are for connections.
func descriptors() int64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 2 * mostConnections
	}
	return int64(min(limit.Cur, 1<<32)) - otherDescriptors
}
