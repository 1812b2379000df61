package bench

import (
	"bytes"
	"fmt"

	"github.com/google/uuid"
)

// The requests of the accelerator API as they go over the wire, with the
// headers that a client of the service sends. host is the value of Host.

const collection = "/v2/accelerator_requests"

// Resource is a key and a value of a device profile's group.
type Resource struct{ Key, Value string }

// CreateProfile makes a device profile of so many equal groups.
func CreateProfile(host, name string, groups int, group ...Resource) []byte {
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
	return request("POST", host, "/v2/device_profiles", body.String())
}

// CreateARQs asks for the accelerator requests of a device profile.
func CreateARQs(host, profile string) []byte {
	return request("POST", host, collection, fmt.Sprintf(`{"device_profile_name": %q}`, profile))
}

// ShowARQ asks for one accelerator request.
func ShowARQ(host string, id uuid.UUID) []byte {
	return request("GET", host, collection+"/"+id.String(), "")
}

// ListARQs asks for the first accelerator requests, as many as limit.
func ListARQs(host string, limit int) []byte {
	return request("GET", host, fmt.Sprintf("%s?limit=%d", collection, limit), "")
}

// Binding is where an accelerator request is to be bound.
type Binding struct {
	Hostname           string
	Provider, Instance uuid.UUID
}

// BindARQ binds one accelerator request.
func BindARQ(host string, id uuid.UUID, to Binding) []byte {
	add := func(path, value string) string {
		return fmt.Sprintf(`{"path": "/%s", "op": "add", "value": %q}`, path, value)
	}
	body := fmt.Sprintf(`{%q: [%s, %s, %s]}`, id, add("hostname", to.Hostname),
		add("device_rp_uuid", to.Provider.String()), add("instance_uuid", to.Instance.String()))
	return request("PATCH", host, collection, body)
}

// DeleteARQ deletes one accelerator request.
func DeleteARQ(host string, id uuid.UUID) []byte {
	return request("DELETE", host, collection+"?arqs="+id.String(), "")
}

func request(method, host, path, body string) []byte {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\nOpenStack-API-Version: accelerator 2.1\r\n",
		method, path, host)
	if body == "" {
		return []byte(head + "\r\n")
	}
	return fmt.Appendf(nil, "%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
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
