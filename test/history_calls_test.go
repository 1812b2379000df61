package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/arqd/arqd/test/history"
)

// translator turns the names of a history into what goes over the wire, and
// answers back into names.
type translator struct {
	deployables map[string]deployable // by host
	devices     map[string]string     // uuids by host
	instances   map[string]string     // uuids by name
	names       map[string]string     // of instances, by uuid
}

func newTranslator(c *client, instances []string) *translator {
	tr := &translator{
		deployables: c.deployables(), devices: map[string]string{},
		instances: map[string]string{}, names: map[string]string{},
	}
	for _, d := range c.devices() {
		tr.devices[d.Hostname] = d.UUID
	}
	for _, name := range instances {
		id := newUUID()
		tr.instances[name], tr.names[id] = id, name
	}
	return tr
}

const (
	arqsPath  = "/accelerator_requests"
	wholePage = "?limit=4000" // a page shows one moment, a list without limit does not
)

// wording gives a request as it goes out.
func (tr *translator) wording(r *history.Request) (method, path string, body []byte) {
	ofInstance := arqsPath + "?instance=" + tr.instances[r.Instance]
	switch r.Kind {
	case history.Create:
		return http.MethodPost, arqsPath, []byte(createBody(r.Profile))
	case history.Patch:
		return http.MethodPatch, arqsPath, tr.patchBody(r)
	case history.Delete:
		return http.MethodDelete, deletePath(r.ARQs...), nil
	case history.DeleteOfInstance:
		return http.MethodDelete, ofInstance, nil
	case history.Show:
		return http.MethodGet, arqsPath + "/" + r.ARQs[0], nil
	case history.List:
		return http.MethodGet, arqsPath + wholePage, nil
	case history.ListOfInstance:
		return http.MethodGet, ofInstance, nil
	case history.ListResolved:
		return http.MethodGet, ofInstance + "&bind_state=resolved", nil
	case history.SetDevice:
		action := "/disable"
		if r.Enable {
			action = "/enable"
		}
		return http.MethodPost, "/devices/" + tr.devices[r.Device] + action, nil
	case history.ShowDevice:
		return http.MethodGet, "/devices/" + tr.devices[r.Device], nil
	case history.ShowImage:
		return http.MethodGet, "/deployables/" + tr.deployables[r.Device].UUID, nil
	case history.Restart:
	}
	panic("nobody asks for a " + r.Kind)
}

// patchBody keeps the order of the items.
func (tr *translator) patchBody(r *history.Request) []byte {
	var b strings.Builder
	for n, i := range r.Items {
		operations := []map[string]string{{"path": "/instance_uuid", "op": "remove"}}
		if i.Device != "" {
			host := i.Device
			if i.Host != "" {
				host = i.Host
			}
			operations = nil
			for path, value := range map[string]string{
				"/hostname": host, "/device_rp_uuid": tr.deployables[i.Device].Provider,
				"/instance_uuid": tr.instances[i.Instance], "/project_id": r.Token,
			} {
				operations = append(operations, map[string]string{"path": path, "op": "add", "value": value})
			}
		}
		comma := ","
		if n == 0 {
			comma = "{"
		}
		fmt.Fprintf(&b, "%s%q: %s", comma, i.ARQ, encode(operations))
	}
	return []byte(b.String() + "}")
}

// header identifies an administrator with a service token, in the project
// that a creation is for, and the request by its id, if it has one.
func (tr *translator) header(r *history.Request, id string) http.Header {
	h := as("nova")
	if r.Token != "" {
		h.Set("X-Project-Id", r.Token)
	}
	maps.Copy(h, serviceToken("service"))
	h.Set("Openstack-Api-Version", "accelerator 2.3")
	h.Set("Content-Type", jsonType)
	if id != "" {
		h.Set("X-Openstack-Request-Id", id)
	}
	return h
}

// meaning gives what an answer says; of a list of everything, the cell's part.
func (tr *translator) meaning(r *history.Request, c *cell, got *answer) (history.Answer, error) {
	a := history.Answer{Status: got.status}
	if got.status >= http.StatusBadRequest {
		a.Reason, _ = got.fault()
	}
	if got.status != http.StatusOK && got.status != http.StatusCreated {
		return a, nil
	}
	var body struct {
		arq
		ARQs   []arq   `json:"arqs"`
		Status string  `json:"status"`
		Image  *string `json:"bitstream_id"`
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		return a, fmt.Errorf("%s: %w: %.300s", r.Kind, err, got.body)
	}
	switch r.Kind {
	case history.Show:
		a.ARQs = append(a.ARQs, tr.seen(&body.arq))
	case history.ShowDevice:
		a.Enabled = body.Status == "enabled"
	case history.ShowImage:
		if body.Image != nil {
			a.Image = *body.Image
		}
	default:
		for i := range body.ARQs {
			a.ARQs = append(a.ARQs, tr.seen(&body.ARQs[i]))
		}
	}
	if r.Kind == history.List {
		a.ARQs = slices.DeleteFunc(a.ARQs, func(seen history.ARQ) bool { return !c.owns(seen.Profile) })
	}
	return a, nil
}

// seen gives an ARQ by names. A provider that is not its host's makes a device
// that there is none of, and an instance nobody asked for is its own name.
func (tr *translator) seen(a *arq) history.ARQ {
	device := a.Hostname
	if a.Provider != tr.deployables[a.Hostname].Provider {
		device += " with provider " + a.Provider
	}
	instance := a.Instance
	if name, known := tr.names[instance]; known {
		instance = name
	}
	return history.ARQ{
		UUID: a.UUID, State: a.State, Profile: a.Profile, Owner: a.Project,
		Device: device, Instance: instance, Handle: a.Handle,
	}
}
