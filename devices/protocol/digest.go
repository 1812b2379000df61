package protocol

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Digest is the SHA-256, as lower-case hex, of the content in its canonical
// form: the JSON that the service reads of it, lists in one order, without what
// is for people only. Fields that this version of the protocol does not know
// are not in it.
func (c *Content) Digest() string {
	// Encoded and decoded once, it is what the other side sees: text that is no
	// UTF-8, for one, is not the same afterwards.
	var seen Content
	if err := json.Unmarshal(encode(c), &seen); err != nil {
		panic(fmt.Sprintf("protocol: an inventory that does not decode: %v", err))
	}
	slices.SortFunc(seen.Devices, func(a, b Device) int {
		return cmp.Or(strings.Compare(a.ControlPath.Info, b.ControlPath.Info), strings.Compare(a.Driver, b.Driver))
	})
	for i := range seen.Problems {
		seen.Problems[i].Detail = ""
	}
	slices.SortFunc(seen.Problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.Driver, b.Driver), strings.Compare(a.Where, b.Where), cmp.Compare(a.Kind, b.Kind))
	})
	slices.Sort(seen.Removed)
	sum := sha256.Sum256(encode(&seen))
	return hex.EncodeToString(sum[:])
}

func encode(c *Content) []byte {
	text, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("protocol: an inventory that does not encode: %v", err))
	}
	return text
}

// ETag is a digest as the header If-Match has it.
func ETag(digest string) string { return `"` + digest + `"` }

// ParseETag reads such a header; false: it is none.
func ParseETag(header string) (digest string, ok bool) {
	digest, ok = strings.CutPrefix(header, `"`)
	if !ok {
		return "", false
	}
	digest, ok = strings.CutSuffix(digest, `"`)
	return digest, ok && isDigest(digest)
}

func isDigest(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}
