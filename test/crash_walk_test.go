package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// crashWalk is a way through every operation that writes, by one client, one
// request after the other, until its process dies.
type crashWalk struct {
	p           *process
	c           *client
	deployables map[string]deployable // by host
	devices     map[string]string     // uuids by host
	attribute   string                // uuid of the one that was added

	nova  *compute
	ids   map[string]string           // ARQs by their name here
	owed  []openstacktest.ServerEvent // what Nova must be told, by what was answered
	may   []openstacktest.ServerEvent // what it may be told
	knows *content                    // after the last answer
	asks  *content                    // when the request that was not answered is done; nil: there is none

	handles int  // that there are
	goesOn  bool // binds outlive the process: agents prepare them
	find    func(c *client) map[string]deployable
}

// crashHosts have a device each, of crashHandles handles. Images go to the
// third, because a deployable that is in use keeps its image. What fails is
// shown, so that the walk can wait for it.
const (
	crashHosts   = "compute1,compute2,compute3"
	crashHandles = 2
)

var crashOptions = options{
	"fake.hosts": crashHosts, "fake.handles_per_device": fmt.Sprint(crashHandles),
	"fake.operation_delay": "30", "fake.fail_images": badImage, "arqd.hold_failed": "no",
}

const (
	goodImage  = "900d0000-0000-4000-8000-000000000001"
	otherImage = "900d0000-0000-4000-8000-000000000002"
	thirdImage = "900d0000-0000-4000-8000-000000000003"
)

// crashStep is one request, the status that it is answered with, and what is
// so from then on.
type crashStep struct {
	name   string
	send   func(w *crashWalk) (*answer, error)
	status int
	then   func(m *content)
	// taken looks at the answer.
	taken func(w *crashWalk, a *answer)
}

func newCrashWalk(t *testing.T) *crashWalk {
	t.Helper()
	empty := &content{images: map[string]belief{}}
	for _, host := range []string{"compute1", "compute2", "compute3"} {
		empty.images[host] = believe("")
	}
	return &crashWalk{
		nova: newCompute(t), ids: map[string]string{}, knows: empty, handles: 3 * crashHandles, find: (*client).deployables,
	}
}

// walk goes on until the end, which it says, or until a request is not
// answered.
func (w *crashWalk) walk(p *process, steps []crashStep) (ended bool) {
	p.t.Helper()
	c := p.client()
	w.p, w.c, w.deployables, w.devices = p, c, w.find(c), map[string]string{}
	for _, d := range c.devices() {
		w.devices[d.Hostname] = d.UUID
	}
	for i := range steps {
		s := &steps[i]
		after := w.knows.clone()
		s.then(after)
		a, err := s.send(w)
		if err != nil {
			w.asks = after
			return false
		}
		if a.status != s.status {
			c.t.Fatalf("%s: status %d, want %d: %s", s.name, a.status, s.status, a.body)
		}
		w.knows = after
		if s.taken != nil {
			s.taken(w, a)
		}
	}
	return true
}

// allowed are the contents that a restarted service may have.
func (w *crashWalk) allowed() []*content {
	may := []*content{w.knows}
	if w.asks != nil {
		may = []*content{w.knows.orImagesOf(w.asks), w.asks.orImagesOf(w.knows)}
	}
	for i, m := range may {
		if !w.goesOn {
			may[i] = m.restarted()
		}
	}
	return may
}

func (w *crashWalk) uuids(names []string) []string {
	var ids []string
	for _, name := range names {
		ids = append(ids, w.ids[name])
	}
	return ids
}

// owes notes that Nova is to be told of ARQs.
func (w *crashWalk) owes(status string, names ...string) {
	w.owed = append(w.owed, w.events(status, names...)...)
}

func (w *crashWalk) events(status string, names ...string) (all []openstacktest.ServerEvent) {
	for _, a := range w.knows.arqs {
		if slices.Contains(names, a.name) {
			all = append(all, eventOf(a.instance, w.ids[a.name], status))
		}
	}
	return all
}

// The steps. Names of ARQs are the test's own.

func profileStep(name, group string) crashStep {
	body := fmt.Sprintf(`[{"name": %q, "groups": [{%s}]}]`, name, group)
	return crashStep{
		name: "profile " + name, status: http.StatusCreated,
		send: func(w *crashWalk) (*answer, error) { return w.c.do(http.MethodPost, "/device_profiles", body) },
		then: func(m *content) { m.profiles = append(m.profiles, name) },
	}
}

func createStep(profile string, names ...string) crashStep {
	return crashStep{
		name: "create", status: http.StatusCreated,
		send: func(w *crashWalk) (*answer, error) {
			return w.c.do(http.MethodPost, "/accelerator_requests", createBody(profile))
		},
		then: func(m *content) {
			for _, name := range names {
				m.arqs = append(m.arqs, contentARQ{name: name, profile: profile, state: believe("Initial")})
			}
		},
		taken: func(w *crashWalk, a *answer) {
			for i, id := range a.arqUUIDs(w.c) {
				w.ids[names[i]] = id
			}
		},
	}
}

func patchStep(name string, body func(w *crashWalk) []byte, then func(m *content)) crashStep {
	return crashStep{
		name: name, status: http.StatusAccepted, then: then,
		send: func(w *crashWalk) (*answer, error) {
			return w.c.do(http.MethodPatch, "/accelerator_requests", body(w))
		},
	}
}

func bindStep(hostname, instance string, names ...string) crashStep {
	s := patchStep("bind", func(w *crashWalk) []byte {
		return bindBody(w.deployables[hostname], instance, w.uuids(names)...)
	}, func(m *content) { m.place(names, hostname, instance, "Bound") })
	s.taken = func(w *crashWalk, _ *answer) { w.owes("completed", names...) }
	return s
}

// exhaustStep binds more ARQs than there are handles.
func exhaustStep(hostname, instance string, names ...string) crashStep {
	s := bindStep(hostname, instance, names...)
	s.name, s.status = "bind without a free handle", http.StatusNotFound
	s.then = func(m *content) { m.place(names, hostname, instance, "BindFailed") }
	s.taken = func(w *crashWalk, _ *answer) { w.owes("failed", names...) }
	return s
}

// prepareStep begins a bind that loads an image, which ends in a state.
func prepareStep(hostname, instance, image, state string, names ...string) crashStep {
	s := bindStep(hostname, instance, names...)
	s.name = "bind with an image"
	s.taken = func(w *crashWalk, _ *answer) { // how it ends, if it is not deleted before
		w.may = slices.Concat(w.may, w.events("failed", names...), w.events("completed", names...))
	}
	s.then = func(m *content) {
		m.place(names, hostname, instance, "BindStarted", state)
		m.images[hostname] = belief{may: []string{"", image}}
	}
	return s
}

// awaitStep waits for the end of such a bind.
func awaitStep(hostname, image, state string, names ...string) crashStep {
	return crashStep{
		name: "the end of the bind", status: http.StatusOK,
		send: func(w *crashWalk) (*answer, error) { return w.poll(w.ids[names[0]]) },
		then: func(m *content) {
			for i := range m.arqs {
				if slices.Contains(names, m.arqs[i].name) {
					m.arqs[i].state = believe(state)
				}
			}
			m.images[hostname] = believe(image)
		},
		taken: func(w *crashWalk, _ *answer) {
			w.owes(map[string]string{"Bound": "completed", "BindFailed": "failed"}[state], names...)
		},
	}
}

// poll asks for an ARQ until it is not being bound any more.
func (w *crashWalk) poll(id string) (*answer, error) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		a, err := w.c.do(http.MethodGet, "/accelerator_requests/"+id, nil)
		if err != nil {
			return nil, err
		}
		var one arq
		if err := json.Unmarshal(a.body, &one); err != nil || one.State != "BindStarted" || time.Now().After(deadline) {
			return a, err
		}
		pause(time.Millisecond)
	}
}

// awaitFreeStep waits until no handle is being cleaned up, after a device came
// to the end of its work.
func awaitFreeStep(hostname, image string) crashStep {
	return crashStep{
		name: "the end of the clean-up", status: http.StatusOK,
		send: func(w *crashWalk) (*answer, error) { return w.pollHandles() },
		then: func(m *content) { m.images[hostname] = believe(image) },
	}
}

// pollHandles asks until no handle is being cleaned up.
func (w *crashWalk) pollHandles() (*answer, error) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		m, err := w.p.scrape()
		if err != nil || m.handles(w.c.t).releasing == 0 || time.Now().After(deadline) {
			return &answer{status: http.StatusOK}, err
		}
		pause(time.Millisecond)
	}
}

func unbindStep(names ...string) crashStep {
	return patchStep("unbind", func(w *crashWalk) []byte { return unbindBody(w.uuids(names)...) },
		func(m *content) { m.set(names, "Unbound") })
}

// swapStep unbinds ARQs and binds others, in one request.
func swapStep(hostname, instance string, out, in []string) crashStep {
	s := patchStep("mixed patch", func(w *crashWalk) []byte {
		body := map[string]json.RawMessage{}
		for _, half := range [][]byte{
			unbindBody(w.uuids(out)...), bindBody(w.deployables[hostname], instance, w.uuids(in)...),
		} {
			_ = json.Unmarshal(half, &body) // the test's own
		}
		return encode(body)
	}, func(m *content) {
		m.set(out, "Unbound")
		m.place(in, hostname, instance, "Bound")
	})
	s.taken = func(w *crashWalk, _ *answer) { w.owes("completed", in...) }
	return s
}

func deleteStep(name string, path func(w *crashWalk) string, then func(m *content)) crashStep {
	return crashStep{
		name: name, status: http.StatusNoContent, then: then,
		send: func(w *crashWalk) (*answer, error) { return w.c.do(http.MethodDelete, path(w), nil) },
	}
}

func removeStep(names ...string) crashStep {
	return deleteStep("delete", func(w *crashWalk) string { return deletePath(w.uuids(names)...) },
		func(m *content) { m.remove(names...) })
}

func removeInstanceStep(instance string, names ...string) crashStep {
	return deleteStep("delete by instance", func(*crashWalk) string { return "/accelerator_requests?instance=" + instance },
		func(m *content) { m.remove(names...) })
}

func deviceStep(hostname, action string) crashStep {
	return crashStep{
		name: action, status: http.StatusNoContent,
		send: func(w *crashWalk) (*answer, error) {
			return w.c.do(http.MethodPost, "/devices/"+w.devices[hostname]+"/"+action, nil)
		},
		then: func(m *content) {
			if action == "disable" {
				m.disabled = append(m.disabled, hostname)
			} else {
				m.disabled = slices.DeleteFunc(m.disabled, func(h string) bool { return h == hostname })
			}
		},
	}
}

func programStep(hostname, image string) crashStep {
	return crashStep{
		name: "program", status: http.StatusOK,
		send: func(w *crashWalk) (*answer, error) {
			return w.c.do(http.MethodPatch, "/deployables/"+w.deployables[hostname].UUID+"/program", programBody(image))
		},
		then: func(m *content) { m.images[hostname] = believe(image) },
	}
}

func attributeStep(key string) crashStep {
	return crashStep{
		name: "attribute", status: http.StatusCreated,
		send: func(w *crashWalk) (*answer, error) {
			return w.c.do(http.MethodPost, "/attributes", attributeBody(key))
		},
		then: func(m *content) { m.attributes = append(m.attributes, key) },
		taken: func(w *crashWalk, a *answer) {
			var made attribute
			a.read(w.c.t, &made)
			w.attribute = made.UUID
		},
	}
}

func removeAttributeStep(key string) crashStep {
	return deleteStep("delete attribute", func(w *crashWalk) string { return "/attributes/" + w.attribute },
		func(m *content) {
			m.attributes = slices.DeleteFunc(m.attributes, func(k string) bool { return k == key })
		})
}

func removeProfilesStep(names ...string) crashStep {
	path := "/device_profiles/" + names[0]
	if len(names) > 1 {
		path = "/device_profiles?value=" + names[0]
		for _, name := range names[1:] {
			path += "," + name
		}
	}
	return deleteStep("delete profiles", func(*crashWalk) string { return path }, func(m *content) {
		m.profiles = slices.DeleteFunc(m.profiles, func(p string) bool { return slices.Contains(names, p) })
	})
}
