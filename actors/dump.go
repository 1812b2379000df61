package actors

import (
	"encoding/json"
	"fmt"

	"github.com/arqd/arqd/persistence"
)

// Describe gives a record in a form that encodes to JSON for people: what is
// in its body by name, besides its key, generation and claims. With an error,
// which says why the body cannot be understood, it is given as it is, in base64.
func Describe(r persistence.Record) (any, error) {
	body, err := readable(r)
	var raw []byte
	if err != nil {
		body, raw = nil, r.Body
	}
	claims := make([]string, 0, len(r.Claims))
	for _, c := range r.Claims {
		claims = append(claims, c.String())
	}
	return struct {
		Kind       persistence.Kind `json:"kind"`
		ID         string           `json:"id"`
		Generation uint64           `json:"generation"`
		Claims     []string         `json:"claims,omitempty"`
		Body       any              `json:"body"`
		Raw        []byte           `json:"raw,omitempty"`
	}{r.Key.Kind, r.Key.ID.String(), r.Generation, claims, body, raw}, err
}

func readable(r persistence.Record) (any, error) {
	switch r.Key.Kind {
	case kindARQ:
		a, err := decodeARQ(r)
		if err != nil {
			return nil, err
		}
		return struct {
			*ARQ
			State string
		}{a, a.State.String()}, nil
	case kindHandle:
		return decodeHandle(r)
	case kindInstance:
		return decodeInstance(r)
	case kindEvent:
		return decodeEvent(r)
	case kindDevice, kindProfile, kindSequence, kindRestoration, kindShown, kindHost, kindCommand:
		var body json.RawMessage
		err := decodeJSON(r, &body)
		return body, err
	default:
		return nil, fmt.Errorf("%s: %w: a kind that this version does not know", r.Key, errBody)
	}
}
