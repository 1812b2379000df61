// Package rest speaks the accelerator API as clients of any implementation of
// it do: the bodies of its requests, what is read of its answers, and a client.
package rest

import (
	"bytes"
	"fmt"

	"github.com/google/uuid"
)

// Resource is a key and a value of a device profile's group.
type Resource struct{ Key, Value string }

// ProfileBody makes a device profile of so many equal groups.
func ProfileBody(name string, groups int, group ...Resource) []byte {
	var body bytes.Buffer
	fmt.Fprintf(&body, `[{"name": %q, "groups": [`, name)
	for i := range groups {
		if i > 0 {
			body.WriteString(", ")
		}
		body.WriteByte('{')
		for j, r := range group {
			if j > 0 {
				body.WriteString(", ")
			}
			fmt.Fprintf(&body, "%q: %q", r.Key, r.Value)
		}
		body.WriteByte('}')
	}
	body.WriteString("]}]")
	return body.Bytes()
}

// CreateBody asks for the accelerator requests of a device profile.
func CreateBody(profile string) []byte {
	return fmt.Appendf(nil, `{"device_profile_name": %q}`, profile)
}

// Binding is where accelerator requests are to be bound.
type Binding struct {
	Hostname           string
	Provider, Instance uuid.UUID
}

// BindBody binds accelerator requests, paths in the order of Nova.
func BindBody(to Binding, ids ...uuid.UUID) []byte {
	var body bytes.Buffer
	body.WriteByte('{')
	for i, id := range ids {
		if i > 0 {
			body.WriteString(", ")
		}
		fmt.Fprintf(&body, `%q: [{"path": "/hostname", "op": "add", "value": %q}, `+
			`{"path": "/device_rp_uuid", "op": "add", "value": %q}, {"path": "/instance_uuid", "op": "add", "value": %q}]`,
			id, to.Hostname, to.Provider, to.Instance)
	}
	body.WriteByte('}')
	return body.Bytes()
}

// FirstUUID gives the uuid of the first thing in a JSON answer, the zero uuid
// if there is none.
func FirstUUID(body []byte) uuid.UUID {
	_, rest, _ := bytes.Cut(body, []byte(`"uuid": "`))
	if len(rest) < 36 {
		return uuid.Nil
	}
	id, err := uuid.ParseBytes(rest[:36])
	if err != nil {
		return uuid.Nil
	}
	return id
}
