package client

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/arqd/arqd/devices/protocol"
)

var (
	errNoSession = errors.New("there is no session")
	errTooLong   = errors.New("the answer is too long")
)

// packFrom is from what size on a body is packed.
const packFrom = 2 << 10

// pack encodes a body, and says whether it has packed it.
func pack(body any) (content []byte, packed bool, err error) {
	text, err := json.Marshal(body)
	switch {
	case err != nil:
		return nil, false, err
	case len(text) > protocol.MaxBody:
		return nil, false, &Refusal{Status: 413, Reason: &protocol.Error{
			Code: protocol.CodeTooLarge, Message: fmt.Sprintf("the body has %d bytes, %d at most", len(text), protocol.MaxBody),
		}}
	case len(text) < packFrom:
		return text, false, nil
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err = z.Write(text)
	err = errors.Join(err, z.Close())
	return out.Bytes(), true, err
}
