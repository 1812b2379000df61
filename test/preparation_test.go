package test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

const badImage = "bad00000-0000-4000-8000-000000000000"

// createImageProfile makes a profile of one FPGA with an image loaded into it:
// binding its ARQ takes a preparation of the device.
func (c *client) createImageProfile(name, image string) {
	c.t.Helper()
	c.want(201, http.MethodPost, "/device_profiles", fmt.Sprintf(
		`[{"name": %q, "groups": [{"resources:FPGA": "1", "accel:bitstream_id": %q}]}]`, name, image))
}

// settled waits until an ARQ is in none of the states between two others.
func (c *client) settled(id string) arq {
	c.t.Helper()
	var one arq
	eventually(c.t, 20*time.Second, "the bind is over", func() bool {
		one = c.arq(id)
		return one.State != "BindStarted"
	})
	return one
}

// TestPreparedBind: a bind that needs preparation is BindStarted when it is
// accepted, and then Bound, or BindFailed without a handle.
func TestPreparedBind(t *testing.T) {
	p := start(t, options{"fake.operation_delay": "300", "fake.fail_images": badImage})
	c := p.client()
	c.createImageProfile("good", newUUID())
	c.createImageProfile("bad", badImage)
	for name, want := range map[string]string{"good": "Bound", "bad": "BindFailed"} {
		id, instance := c.create(name)[0], newUUID()
		c.bind(c.deployable(), instance, id)
		if got := c.arq(id); got.State != "BindStarted" || got.Handle != "" {
			t.Errorf("%s, when the bind was accepted: %+v", name, got)
		}
		c.want(423, http.MethodGet, "/accelerator_requests?instance="+instance+"&bind_state=resolved", nil)
		got := c.settled(id)
		if got.State != want || got.Instance != instance || got.Hostname != "compute1" {
			t.Errorf("%s, in the end: %+v, want %s with its binding", name, got, want)
		}
		if resolved := c.arqs("?instance=" + instance + "&bind_state=resolved"); len(resolved) != 1 {
			t.Errorf("%s, resolved: %v", name, resolved)
		}
		p.checkHandles(c, 16)
		c.delete(id)
	}
	p.awaitLog(10*time.Second, "event")
	p.checkHandles(c, 16)
}

// TestDeleteDuringBind: the ARQ is gone at once, its handle after the device
// has come to rest.
func TestDeleteDuringBind(t *testing.T) {
	p := start(t, options{"fake.operation_delay": "500"})
	c := p.client()
	c.createImageProfile("image", newUUID())
	id, instance := c.create("image")[0], newUUID()
	c.bind(c.deployable(), instance, id)
	c.want(204, http.MethodDelete, "/accelerator_requests?instance="+instance, nil)
	c.want(404, http.MethodGet, "/accelerator_requests/"+id, nil)
	if left := c.arqs("?instance=" + instance); len(left) != 0 {
		t.Errorf("the instance still has %v", left)
	}
	eventually(t, 20*time.Second, "the handle is free", func() bool { return p.metrics().handles(t) == handles{free: 16} })
	again := c.create("image")[0]
	c.bind(c.deployable(), instance, again)
	if got := c.settled(again); got.State != "Bound" {
		t.Errorf("the instance's next bind: %+v", got)
	}
	p.checkHandles(c, 16)
}

// TestBindTimeout: a device that does not come to an end fails the bind in
// bounded time.
func TestBindTimeout(t *testing.T) {
	p := start(t, options{"fake.operation_delay": "3600000", "arqd.bind_timeout": "1", "arqd.shutdown_timeout": "2"})
	c := p.client()
	c.createImageProfile("image", newUUID())
	id := c.create("image")[0]
	c.bind(c.deployable(), newUUID(), id)
	if got := c.settled(id); got.State != "BindFailed" || got.Handle != "" {
		t.Errorf("after bind_timeout: %+v", got)
	}
}

// TestRestartDuringPreparation: nothing that was being prepared when the
// service ended, one way or the other, stays between two states.
func TestRestartDuringPreparation(t *testing.T) {
	for name, end := range map[string]func(*process){"killed": (*process).kill, "stopped": (*process).stop} {
		t.Run(name, func(t *testing.T) {
			hosts := "compute1,compute2" // a device prepares one thing at a time
			n := newNode(t, options{
				"fake.hosts": hosts, "fake.operation_delay": "3600000", "arqd.shutdown_timeout": "2",
			})
			p := n.start()
			c := p.client()
			c.createImageProfile("image", newUUID())
			bound, deleted := c.create("image")[0], c.create("image")[0]
			c.bind(c.deployables()["compute1"], newUUID(), bound)
			c.bind(c.deployables()["compute2"], newUUID(), deleted)
			c.delete(deleted)
			end(p)
			n.configure(options{"fake.hosts": hosts})
			p = n.start()
			p.mayDoubt = true // devices are held off whose image was being loaded
			c = p.client()
			if got := c.settled(bound); got.State != "Bound" && got.State != "BindFailed" {
				t.Errorf("after the restart: %+v", got)
			}
			c.want(404, http.MethodGet, "/accelerator_requests/"+deleted, nil)
			eventually(t, 20*time.Second, "handles and ARQs agree", func() bool { return p.compareHandles(c, 32) == nil })
			c.delete(bound)
			eventually(t, 20*time.Second, "all handles are free", func() bool {
				return p.metrics().handles(t) == handles{free: 32}
			})
		})
	}
}

// TestProgram loads images for an administrator. A device that fails is no
// mistake of the client's.
func TestProgram(t *testing.T) {
	p := start(t, options{"fake.fail_images": badImage})
	c := p.client()
	path := "/deployables/" + c.deployable().UUID
	image := newUUID()
	c.want(200, http.MethodPatch, path+"/program", programBody(image))
	var got deployable
	c.want(200, http.MethodGet, path, nil).read(t, &got)
	if got.Image != image {
		t.Errorf("the deployable has image %q, want %q", got.Image, image)
	}
	p.mayFail = true
	failed := c.want(500, http.MethodPatch, path+"/program", programBody(badImage))
	checkEnvelope(t, "a failing image", failed)
}
