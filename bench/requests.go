package bench

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/rest"
)

// The requests of the accelerator API as they go over the wire, with the
// headers that a client of the service sends. host is the value of Host.

const collection = "/v2/accelerator_requests"

// CreateProfile makes a device profile of so many equal groups.
func CreateProfile(host, name string, groups int, group ...rest.Resource) []byte {
	return request("POST", host, "/v2/device_profiles", rest.ProfileBody(name, groups, group...))
}

// CreateARQs asks for the accelerator requests of a device profile.
func CreateARQs(host, profile string) []byte {
	return request("POST", host, collection, rest.CreateBody(profile))
}

// ShowARQ asks for one accelerator request.
func ShowARQ(host string, id uuid.UUID) []byte {
	return request("GET", host, collection+"/"+id.String(), nil)
}

// ListARQs asks for the first accelerator requests, as many as limit.
func ListARQs(host string, limit int) []byte {
	return request("GET", host, fmt.Sprintf("%s?limit=%d", collection, limit), nil)
}

// BindARQ binds one accelerator request.
func BindARQ(host string, id uuid.UUID, to rest.Binding) []byte {
	return request("PATCH", host, collection, rest.BindBody(to, id))
}

// DeleteARQ deletes one accelerator request.
func DeleteARQ(host string, id uuid.UUID) []byte {
	return request("DELETE", host, collection+"?arqs="+id.String(), nil)
}

func request(method, host, path string, body []byte) []byte {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\nOpenStack-API-Version: accelerator 2.1\r\n",
		method, path, host)
	if len(body) == 0 {
		return []byte(head + "\r\n")
	}
	return fmt.Appendf(nil, "%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
}
