package integrity

import "bytes"

// search finds intact entries of arqd's transactions among any bytes.
type search struct {
	log []byte
	at  int
	// summed counts the bytes given to checksums. What looks like an entry and
	// is not is looked at again from its next byte on; a limit keeps the cost
	// linear. No remains of one transaction come near it: each byte is in one
	// entry, or in two when the text of an entry is in the value of another.
	summed int
	spent  bool
}

const summedLimit = 8 // times the length of the log

// keys are the beginnings of the keys that the store and Badger write. They
// keep the search from computing checksums of most that is no entry.
var keys = [][]byte{[]byte("r/"), []byte("m/"), []byte("!badger!")}

func ours(key []byte) bool {
	for _, k := range keys {
		if bytes.HasPrefix(key, k) {
			return true
		}
	}
	return false
}

// next returns the next intact entry. It ends at the end of the log, or with
// spent set.
func (s *search) next() (entry, bool) {
	for s.at+leastEntry <= len(s.log) && !s.spent {
		if s.skipZeros() {
			continue
		}
		rest := s.log[s.at:]
		if e, ok := s.try(rest); ok {
			s.at += e.size
			return e, true
		}
		s.at++
	}
	return entry{}, false
}

func (s *search) try(b []byte) (entry, bool) {
	if b[0]&(inTransaction|endOfTransaction) == 0 || b[1] != 0 {
		return entry{}, false
	}
	e, ok := parseEntry(b)
	if !ok || !ours(e.key) {
		return entry{}, false
	}
	s.summed += e.size
	s.spent = s.summed > summedLimit*len(s.log)
	ok = e.intact(b)
	return e, ok
}

var zeros [4096]byte

// skipZeros steps over many zeros at once.
func (s *search) skipZeros() bool {
	if rest := s.log[s.at:]; rest[0] != 0 || len(rest) < len(zeros) || !bytes.Equal(rest[:len(zeros)], zeros[:]) {
		return false
	}
	s.at += len(zeros)
	return true
}
