package openstacktest

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Nova is a double of Nova's external events: it checks tokens with the double
// of Keystone, holds requests against the schema, and answers for each event by
// itself. Every server is there and on a host unless SetServer says otherwise.
type Nova struct {
	*httptest.Server

	keystone *Keystone
	mu       sync.Mutex
	onEvents EventsHandler
	servers  map[string]int // code of events of a server, if not 200
	requests []EventsRequest
	taken    []ServerEvent
}

// ServerEvent is an external event of a server.
type ServerEvent struct {
	Name   string `json:"name"`
	Server string `json:"server_uuid"`
	Tag    string `json:"tag"`
	Status string `json:"status"`
}

// EventsRequest is a request as it came, whatever became of it.
type EventsRequest struct {
	Header http.Header
	Events []ServerEvent // none if the body was refused
}

// EventsHandler may answer a request that was read and found good; true means
// that it has. Nova has then not taken the events.
type EventsHandler func(w http.ResponseWriter, r *http.Request, events []ServerEvent) bool

// The codes of an event whose server is not ready for it.
const (
	ServerUnknown = http.StatusNotFound
	ServerNoHost  = http.StatusUnprocessableEntity
)

// NewNova starts a double beside one of Keystone, which the end of the test
// stops.
func NewNova(t *testing.T, k *Keystone) *Nova {
	t.Helper()
	n := &Nova{keystone: k, servers: map[string]int{}}
	n.Server = httptest.NewServer(n)
	t.Cleanup(n.Close)
	return n
}

// Endpoint is its line of the catalog.
func (n *Nova) Endpoint() Endpoint {
	return Endpoint{"compute", "internal", "RegionOne", n.URL + "/v2.1"}
}

// OnEvents has a handler, nil for none, see requests first. It runs in the
// goroutine of the request.
func (n *Nova) OnEvents(f EventsHandler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.onEvents = f
}

// SetServer gives the code of events of a server from now on.
func (n *Nova) SetServer(server string, code int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.servers[server] = code
}

// Requests gives the requests so far, in the order in which they came.
func (n *Nova) Requests() []EventsRequest {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.requests)
}

// Taken gives the events that were taken (code 200), in order.
func (n *Nova) Taken() []ServerEvent {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.taken)
}

// ServeHTTP implements http.Handler.
func (n *Nova) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	version, versioned := computeVersion(r.Header)
	switch {
	case r.URL.Path != "/v2.1/os-server-external-events":
		novaFault(w, http.StatusNotFound, "itemNotFound", "The resource could not be found.")
	case r.Method != http.MethodPost:
		novaFault(w, http.StatusMethodNotAllowed, "badMethod", "The method is not allowed.")
	case !n.keystone.Issued(r.Header.Get("X-Auth-Token")):
		Refuse(w, http.StatusUnauthorized)
	case !versioned:
		novaFault(w, http.StatusBadRequest, "badRequest", "The microversion makes no sense.")
	case version > 96:
		novaFault(w, http.StatusNotAcceptable, "computeFault", "The microversion is not supported.")
	case kind != "application/json":
		novaFault(w, http.StatusUnsupportedMediaType, "badMediaType", "Unsupported Content-Type.")
	default:
		n.take(w, r, version)
	}
}

// computeVersion gives the minor version asked for; without any it is 1.
func computeVersion(header http.Header) (minor int, ok bool) {
	text := header.Get("X-Openstack-Nova-Api-Version")
	for v := range strings.SplitSeq(header.Get("OpenStack-API-Version"), ",") {
		if number, is := strings.CutPrefix(strings.TrimSpace(v), "compute "); is {
			text = number
		}
	}
	if text == "" {
		return 1, true
	}
	if text == "latest" {
		return 96, true
	}
	_, err := fmt.Sscanf(text, "2.%d", &minor)
	return minor, err == nil
}

func (n *Nova) take(w http.ResponseWriter, r *http.Request, version int) {
	raw, _ := io.ReadAll(r.Body)
	events, err := parseEvents(raw, version)
	n.mu.Lock()
	n.requests = append(n.requests, EventsRequest{Header: r.Header.Clone(), Events: events})
	handler := n.onEvents
	n.mu.Unlock()
	if err != nil {
		novaFault(w, http.StatusBadRequest, "badRequest", err.Error())
		return
	}
	if handler != nil && handler(w, r, events) {
		return
	}
	n.answer(w, events)
}

// EventResult is what Nova answers for an event.
type EventResult struct {
	ServerEvent

	Code int `json:"code"`
}

func (n *Nova) answer(w http.ResponseWriter, events []ServerEvent) {
	results, status := n.Take(events)
	write(w, status, map[string]any{"events": results})
}

// Take does with events what Nova does, and gives the answer, for a handler
// that keeps it to itself.
func (n *Nova) Take(events []ServerEvent) (results []EventResult, status int) {
	results, status = make([]EventResult, len(events)), http.StatusOK
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, e := range events {
		code := n.servers[e.Server]
		switch {
		case code == 0 && e.Tag == "":
			code = http.StatusBadRequest
		case code == 0:
			code = http.StatusOK
		}
		if code == http.StatusOK {
			n.taken = append(n.taken, e)
			e.Status = "completed"
		} else {
			status, e.Status = http.StatusMultiStatus, "failed"
		}
		results[i] = EventResult{e, code}
	}
	return results, status
}

var serverUUID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// eventNames are the events that Nova knows, by the minor version that brought
// them.
var eventNames = map[string]int{
	"network-changed": 1, "network-vif-plugged": 1, "network-vif-unplugged": 1, "network-vif-deleted": 1,
	"volume-extended": 51, "power-update": 76, "accelerator-request-bound": 82,
}

// parseEvents holds a body against the schema.
func parseEvents(raw []byte, version int) ([]ServerEvent, error) {
	var body struct {
		Events []map[string]any `json:"events"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, fmt.Errorf("malformed body: %w", err)
	}
	if len(body.Events) == 0 {
		return nil, fmt.Errorf("events: [] is too short")
	}
	var events []ServerEvent
	for _, members := range body.Events {
		e := ServerEvent{Status: "completed"}
		for name, value := range members {
			into := map[string]*string{"name": &e.Name, "server_uuid": &e.Server, "tag": &e.Tag, "status": &e.Status}[name]
			text, isText := value.(string)
			if into == nil || !isText {
				return nil, fmt.Errorf("additional properties are not allowed, and values are strings: %s", name)
			}
			*into = text
		}
		since, known := eventNames[e.Name]
		switch {
		case !known || version < since:
			return nil, fmt.Errorf("name: %q is not one of the events of 2.%d", e.Name, version)
		case !serverUUID.MatchString(e.Server):
			return nil, fmt.Errorf("server_uuid: %q is not a uuid", e.Server)
		case !slices.Contains([]string{"failed", "completed", "in-progress"}, e.Status):
			return nil, fmt.Errorf("status: %q", e.Status)
		case len(e.Tag) > 255:
			return nil, fmt.Errorf("tag: is too long")
		}
		events = append(events, e)
	}
	return events, nil
}

func novaFault(w http.ResponseWriter, status int, kind, message string) {
	write(w, status, map[string]any{kind: map[string]any{"code": status, "message": message}})
}
