package integrity

import (
	"bytes"
	"encoding/binary"
)

// logHeader is the length of what a log begins with: the id of an encryption
// key, 8 bytes, and 12 bytes of a vector that only encryption uses.
const logHeader = 20

// logState is what a log says when it is read from its beginning, as Badger
// replays it.
type logState struct {
	end  int    // of the last complete transaction
	stop int    // where reading ended
	last uint64 // the last complete transaction, 0 if there is none
	open uint64 // the one that reading ended in the middle of, or 0
}

// readLog follows a log up to the first entry that is unreadable or out of
// place.
func readLog(log []byte) logState {
	s := logState{end: logHeader, stop: logHeader}
	for {
		e, ok := readEntry(log[s.stop:])
		if !ok || !s.follow(&e) {
			return s
		}
	}
}

// follow takes the next entry in, and reports whether it belongs there.
func (s *logState) follow(e *entry) bool {
	next := s.stop + e.size
	switch {
	case e.meta&inTransaction != 0:
		if s.open != 0 && s.open != e.transaction {
			return false
		}
		s.open = e.transaction
	case e.meta&endOfTransaction != 0:
		if s.open != e.transaction {
			return false
		}
		s.open, s.last, s.end = 0, e.transaction, next
	default: // one without a transaction is complete by itself
		if s.open != 0 {
			return false
		}
		s.last, s.end = e.transaction, next
	}
	s.stop = next
	return true
}

// written is the length of a log without the zeros that follow what was ever
// written. A checksum may end in zeros: what was read counts as written.
func (s *logState) written(log []byte) int {
	return max(s.stop, len(bytes.TrimRight(log, "\x00")))
}

// needs is the least length that the log had when what is incomplete at its
// end was written: Badger makes a log as long as it will ever be, and shortens
// it only to the end of what is complete.
func (s *logState) needs(log []byte) int {
	if h, ok := parseHeader(log[s.stop:]); ok {
		return s.stop + h.size()
	}
	return s.stop + leastEntry
}

// judgement is what is found behind the place where reading ended.
type judgement struct {
	damage bool // something that was acknowledged is unreadable
	any    bool // a part of any transaction is readable
}

// judge looks behind the place where reading ended for a part of a transaction
// later than the one that is unreadable there. Finding one is proof of damage:
// see the package. before is the last transaction of the log before, or 0.
//
// The numbers of transactions have no gaps: who follows a complete one is known.
func (s *logState) judge(log []byte, before uint64) judgement {
	unreadable := s.open
	if last := max(s.last, before); unreadable == 0 && last != 0 {
		unreadable = last + 1
	}
	j := judgement{any: s.last != 0 || s.open != 0}
	search := search{log: log, at: s.stop}
	for e, ok := search.next(); ok; e, ok = search.next() {
		j.any = true
		if unreadable == 0 {
			unreadable = e.transaction
		}
		if e.transaction > unreadable {
			j.damage = true
			return j
		}
	}
	j.damage = search.spent
	return j
}

// foreign says whether a log is not one of arqd's: it uses no encryption.
func foreign(log []byte) bool { return binary.BigEndian.Uint64(log) != 0 }
