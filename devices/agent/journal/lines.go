package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
)

// header is the first line: what the file is, and the version of the others.
const header = "arqd agent journal 1\n"

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

// decode gives the entries of a file in order. What follows the last end of line
// was never finished, so nobody has relied on it.
func decode(text []byte) ([]Entry, error) {
	if len(text) < len(header) && bytes.HasPrefix([]byte(header), text) {
		return nil, nil
	}
	rest, ok := bytes.CutPrefix(text, []byte(header))
	if !ok {
		return nil, errVersion
	}
	var all []Entry
	for number := 2; len(rest) > 0; number++ {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		if !whole {
			break
		}
		e, err := decodeLine(line)
		if err != nil {
			return nil, fmt.Errorf("%w (line %d: %w)", errDamaged, number, err)
		}
		all, rest = append(all, e), after
	}
	return all, nil
}

var errChecksum = errors.New("the checksum is wrong")

func decodeLine(line []byte) (Entry, error) {
	var e Entry
	sum, text, _ := bytes.Cut(line, []byte{' '})
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil || want != uint64(crc32.Checksum(text, castagnoli)) {
		return e, errChecksum
	}
	err = json.Unmarshal(text, &e)
	return e, err
}
