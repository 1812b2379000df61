package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// content is what a client that is alone knows to be there, by what it was
// answered: the expected content of a service, to be compared with the real
// one. Things of a kind are in their order of creation.
type content struct {
	profiles   []string
	arqs       []contentARQ
	attributes []string          // their keys
	disabled   []string          // hosts whose device is out of service
	images     map[string]belief // by host; none is the empty text
}

// contentARQ is an ARQ as it must be. While a device is being prepared for it,
// it is in one of several states.
type contentARQ struct {
	name     string // in the test
	profile  string
	state    belief
	hostname string
	instance string
}

func (c *content) clone() *content {
	return &content{
		slices.Clone(c.profiles), slices.Clone(c.arqs), slices.Clone(c.attributes),
		slices.Clone(c.disabled), maps.Clone(c.images),
	}
}

// set makes ARQs be in one of the states, bound to nothing.
func (c *content) set(names []string, states ...string) { c.place(names, "", "", states...) }

// place makes ARQs be in one of the states, bound to a host and an instance.
func (c *content) place(names []string, hostname, instance string, states ...string) {
	for i := range c.arqs {
		if a := &c.arqs[i]; slices.Contains(names, a.name) {
			a.hostname, a.instance, a.state = hostname, instance, belief{may: states}
		}
	}
}

func (c *content) remove(names ...string) {
	c.arqs = slices.DeleteFunc(c.arqs, func(a contentARQ) bool { return slices.Contains(names, a.name) })
}

// outOfService gives the hosts whose device is found disabled, but for one that is
// held off because an image was on its way to it and nobody knows what is loaded.
func (c *content) outOfService(f found) []string {
	return slices.DeleteFunc(slices.Clone(f.disabled), func(host string) bool {
		return f.unsure && len(c.images[host].may) > 1 && !slices.Contains(c.disabled, host)
	})
}

// restarted is what is left of it by a process that ended: binds that were
// being prepared fail, unless they were over already.
func (c *content) restarted() *content {
	after := c.clone()
	for i := range after.arqs {
		if a := &after.arqs[i]; a.state.allows("BindStarted") {
			a.state = belief{may: append([]string{"BindFailed"}, a.state.may...)}
		}
	}
	return after
}

// orImagesOf allows the images of either content, and none where one was on
// its way: the image of a device is written apart from the rest.
func (c *content) orImagesOf(other *content) *content {
	both := c.clone()
	for host, image := range both.images {
		if may := other.images[host].may; !slices.Equal(may, image.may) {
			both.images[host] = belief{may: slices.Concat([]string{""}, image.may, may)}
		}
	}
	return both
}

// found is the real content of a service.
type found struct {
	profiles   []string
	arqs       []arq
	attributes []string
	disabled   []string
	images     map[string]string
	unsure     bool // a device is held off because nobody knows what is loaded
}

func look(c *client, deployables map[string]deployable) found {
	c.t.Helper()
	f := found{arqs: c.arqs(""), images: map[string]string{}}
	for _, p := range c.profiles() {
		f.profiles = append(f.profiles, p.Name)
	}
	for _, a := range c.attributes() {
		switch {
		case a.Key == "rc", strings.HasPrefix(a.Key, "trait"), a.Key == "health": // those that devices have
		case a.Key == "health_reason":
			f.unsure = f.unsure || strings.Contains(a.Value, "is not known")
		default:
			f.attributes = append(f.attributes, a.Key)
		}
	}
	for _, d := range c.devices() {
		if d.Status != "enabled" {
			f.disabled = append(f.disabled, d.Hostname)
		}
	}
	for host, d := range deployables {
		f.images[host] = d.Image
	}
	return f
}

// differ says what is not as it should be.
func (c *content) differ(f found, ids map[string]string) error {
	switch {
	case !slices.Equal(f.profiles, c.profiles):
		return fmt.Errorf("profiles %q, want %q", f.profiles, c.profiles)
	case !slices.Equal(f.attributes, c.attributes):
		return fmt.Errorf("attributes %q, want %q", f.attributes, c.attributes)
	case !slices.Equal(c.outOfService(f), c.disabled):
		return fmt.Errorf("disabled devices of %q, want of %q", f.disabled, c.disabled)
	case len(f.arqs) != len(c.arqs):
		return fmt.Errorf("%d ARQs, want %d: %+v", len(f.arqs), len(c.arqs), f.arqs)
	}
	for host, image := range c.images {
		if !image.allows(f.images[host]) {
			return fmt.Errorf("image %q on %s, want one of %q", f.images[host], host, image.may)
		}
	}
	together := map[string]string{} // the state of an instance's ARQs
	for i, want := range c.arqs {
		got := f.arqs[i]
		if id := ids[want.name]; id != "" && id != got.UUID {
			return fmt.Errorf("ARQ number %d is %s, want %s, which is %s", i, got.UUID, want.name, id)
		}
		if got.Profile != want.profile || got.Hostname != want.hostname || got.Instance != want.instance || !want.state.allows(got.State) {
			return fmt.Errorf("ARQ %s is %+v, want %+v", want.name, got, want)
		}
		if other := together[got.Instance]; other != "" && got.Instance != "" && other != got.State {
			return fmt.Errorf("instance %s has ARQs %s and %s, bound by one request", got.Instance, other, got.State)
		}
		together[got.Instance] = got.State
	}
	return nil
}
