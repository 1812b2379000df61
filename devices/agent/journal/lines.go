package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/google/uuid"
)

// The first line says what the file is, of which version, and which journal. One of
// version 1 did not say which.
const (
	title      = "arqd agent journal "
	firstTitle = title + "1\n"
	nextTitle  = title + "2 " // and a uuid
	uuidLength = 36
)

// header makes the first line.
func header(id uuid.UUID) string { return nextTitle + id.String() + "\n" }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode makes a line: the checksum in hex, a blank, the entry as JSON.
func encode(e *Entry) []byte {
	text, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("journal: an entry that does not encode: %v", err))
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, castagnoli), text)
}

var (
	errVersion = errors.New("it is not of a version that this program knows")
	errDamaged = errors.New("it is damaged; with the agent stopped, and once it is certain that no FPGA is being programmed, it can be removed")
)

// content is what a file has.
type content struct {
	id      uuid.UUID // zero: it does not say
	entries []Entry   // in order
	// torn: the last line was not written to its end, so nobody has relied on it. Of
	// a line that takes more than one block of the disk, its end may be there
	// without its middle.
	torn bool
}

func decode(text []byte) (c content, err error) {
	rest, first := bytes.CutPrefix(text, []byte(firstTitle))
	if !first {
		if c.id, rest, err = decodeHeader(text); err != nil || rest == nil {
			return c, err
		}
	}
	for number := 2; len(rest) > 0; number++ {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		var e Entry
		if whole {
			e, err = decodeLine(line)
		}
		if c.torn = !whole || err != nil && !bytes.ContainsRune(after, '\n') && !endsWithLine(line); c.torn {
			break
		}
		if err != nil {
			return content{}, fmt.Errorf("%w (line %d: %w)", errDamaged, number, err)
		}
		c.entries, rest = append(c.entries, e), after
	}
	return c, nil
}

// endsWithLine tells whether what is no line has a good one at its end: then it was
// two, both of which were written to their ends.
func endsWithLine(text []byte) bool {
	for i := range text {
		if _, err := decodeLine(text[i:]); err == nil {
			return true
		}
	}
	return false
}

// decodeHeader reads the first line; no rest: it was not written to its end.
func decodeHeader(text []byte) (id uuid.UUID, rest []byte, err error) {
	line, rest, whole := bytes.Cut(text, []byte{'\n'})
	begun := len(line) <= len(nextTitle)+uuidLength &&
		(bytes.HasPrefix(line, []byte(nextTitle)) || bytes.HasPrefix([]byte(nextTitle), line) || bytes.HasPrefix([]byte(firstTitle), line))
	if !whole && begun {
		return uuid.Nil, nil, nil
	}
	if id, err = uuid.ParseBytes(bytes.TrimPrefix(line, []byte(nextTitle))); err != nil || !bytes.HasPrefix(line, []byte(nextTitle)) {
		return uuid.Nil, nil, errVersion
	}
	return id, rest, nil
}

const sumLength = 8 // digits

var errChecksum = errors.New("the checksum is wrong")

func decodeLine(line []byte) (Entry, error) {
	var e Entry
	sum, text, _ := bytes.Cut(line, []byte{' '})
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil || len(sum) != sumLength || want != uint64(crc32.Checksum(text, castagnoli)) {
		return e, errChecksum
	}
	err = json.Unmarshal(text, &e)
	return e, err
}
