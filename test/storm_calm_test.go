package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
)

const (
	calmDevices = 3 // two for clients, and one that images are loaded into
	calmHandles = 32
)

// calm is a host that behaves. It is to be served whatever others do.
type calm struct {
	*scriptedAgent
	t       *testing.T
	stopped chan struct{}
	all     sync.WaitGroup
	idle    atomic.Bool // no more images are to be loaded
	loading sync.WaitGroup
	going   *atomic.Bool // the service may go away

	beats, commands, images atomic.Int64
}

func newCalm(p *process, going *atomic.Bool) *calm {
	c := &calm{scriptedAgent: p.agent(calmHost, 0), t: p.t, going: going}
	found, err := fake.New(fake.Options{Host: calmHost, DevicesPerHost: calmDevices, HandlesPerDevice: calmHandles}).Discover(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, d := range found.Devices {
		c.content.Devices = append(c.content.Devices, protocol.Device{Driver: fake.Name, Device: d})
	}
	return c
}

// live has the agent do all that it has to, and fails the test when it is not let.
func (c *calm) live(p *process) {
	c.dial(p)
	c.open()
	c.report()
	c.stopped = make(chan struct{})
	c.idle.Store(false)
	c.all.Go(func() {
		for n := 0; c.goesOn(); n++ {
			if n%8 == 7 {
				var r protocol.InventoryReply
				c.ask(http.MethodPut, protocol.InventoryPath(c.host), c.inventory(), &r)
				if len(r.Refused) > 0 {
					c.t.Errorf("of the host that behaves is refused: %+v", r.Refused)
				}
			}
			var r protocol.HeartbeatReply
			c.ask(http.MethodPost, protocol.HeartbeatPath(c.host), protocol.Heartbeat{Session: c.session, Digest: c.content.Digest()}, &r)
			c.beats.Add(1)
			pause(100 * time.Millisecond)
		}
	})
	c.all.Go(func() {
		for c.goesOn() {
			var list protocol.Commands
			c.ask(http.MethodGet, fmt.Sprintf("%s?session=%s&wait=0.3", protocol.CommandsPath(c.host), c.session), nil, &list)
			for _, command := range list.Commands {
				c.ask(http.MethodPost, protocol.ResultPath(c.host, command.ID), protocol.Result{Session: c.session, State: protocol.ResultDone}, nil)
				c.commands.Add(1)
			}
		}
	})
}

// rest ends that, when the last image is loaded.
func (c *calm) rest() {
	c.idle.Store(true)
	c.loading.Wait()
	close(c.stopped)
	c.all.Wait()
	c.http.CloseIdleConnections()
}

func (c *calm) goesOn() bool {
	select {
	case <-c.stopped:
		return false
	default:
		return !c.t.Failed()
	}
}

// ask wants an answer of the 2xx, soon.
func (c *calm) ask(method, path string, body, into any) {
	begun := time.Now()
	got, err := c.do(method, path, body)
	switch took := time.Since(begun); {
	case err != nil && c.going.Load():
	case err != nil:
		c.t.Errorf("the host that behaves: %s %s: %v", method, path, err)
	case got.status >= 300:
		c.t.Errorf("the host that behaves: %s %s: %d %s", method, path, got.status, got.body)
	case took > 10*time.Second:
		c.t.Errorf("the host that behaves: %s %s took %v", method, path, took)
	case into != nil && len(got.body) > 0:
		if err := json.Unmarshal(got.body, into); err != nil {
			c.t.Errorf("the host that behaves: %s %s: %v", method, path, err)
		}
	}
}

// calmImages are the device profiles with images for the host that behaves.
var calmImages = []string{"calm-image", "calm-image-2"}

// loadImages has an image loaded by the agent over and over, for a new ARQ each
// time. The other devices are for those who need none.
func (c *calm) loadImages(api *client, on deployable) {
	c.loading.Go(func() {
		for n := 0; c.goesOn() && !c.idle.Load() && !c.going.Load(); {
			err := c.loadImage(api, on, calmImages[n%2])
			switch {
			case err == nil:
				n++
				c.images.Add(1)
			case n == 0 && strings.Contains(err.Error(), "is being programmed"): // since before a kill
				pause(20 * time.Millisecond)
			case !c.going.Load():
				c.t.Errorf("the host that behaves: %v", err)
			}
		}
	})
}

func (c *calm) loadImage(api *client, on deployable, profile string) error {
	var made struct {
		ARQs []arq `json:"arqs"`
	}
	if err := api.try(http.StatusCreated, http.MethodPost, "/accelerator_requests", createBody(profile), &made); err != nil {
		return err
	}
	id := made.ARQs[0].UUID
	if err := api.try(http.StatusAccepted, http.MethodPatch, "/accelerator_requests", bindBody(on, newUUID(), id), nil); err != nil {
		return errors.Join(err, api.try(http.StatusNoContent, http.MethodDelete, deletePath(id), nil, nil))
	}
	one := arq{State: "BindStarted"}
	for deadline := time.Now().Add(20 * time.Second); one.State == "BindStarted" && time.Now().Before(deadline); pause(5 * time.Millisecond) {
		if err := api.try(http.StatusOK, http.MethodGet, "/accelerator_requests/"+id, nil, &one); err != nil {
			return err
		}
	}
	if one.State != "Bound" {
		return fmt.Errorf("a bind with an image is %s", one.State)
	}
	return api.try(http.StatusNoContent, http.MethodDelete, deletePath(id), nil, nil)
}

// try wants a status, and gives what is wrong: it is for goroutines.
func (c *client) try(status int, method, path string, body, into any) error {
	got, err := c.do(method, path, body)
	switch {
	case err != nil:
		return err
	case got.status != status:
		return fmt.Errorf("%s %s: %d %s, want %d", method, path, got.status, got.body, status)
	case into != nil:
		return json.Unmarshal(got.body, into)
	}
	return nil
}

// allDeployables gives those of all hosts, with the host that each is named after.
func (c *client) allDeployables() []deployable {
	c.t.Helper()
	var list deployableList
	c.want(http.StatusOK, http.MethodGet, "/deployables", nil).read(c.t, &list)
	return list.named()
}

// possessions are what the service shows of the devices of the host that behaves,
// but for what its own guests change.
func (s *agentStorm) possessions(c *client) string {
	c.t.Helper()
	var seen []string
	for path, name := range map[string]string{"/devices": "hostname", "/deployables": "name"} {
		var lists map[string][]map[string]any
		c.version("2.3").want(http.StatusOK, http.MethodGet, path, nil).read(c.t, &lists)
		for _, one := range lists[strings.TrimPrefix(path, "/")] {
			if text, _ := one[name].(string); text == calmHost || strings.HasPrefix(text, calmHost+"_") {
				for _, theirs := range []string{"links", "updated_at", "bitstream_id", "attributes_list"} {
					delete(one, theirs)
				}
				seen = append(seen, string(encode(one)))
			}
		}
	}
	for _, a := range c.attributes() {
		if slices.Contains(s.reported, a.UUID) {
			seen = append(seen, string(encode(a)))
		}
	}
	slices.Sort(seen)
	return strings.Join(seen, "\n")
}

// gambler binds what the hosts that do not behave say that they have. Whatever he
// gets, the service does not fail.
type gambler struct {
	*client
	rng  *rand.Rand
	all  []deployable
	mine []string
}

// play goes on until the service goes away, or nobody wants it to.
func (g *gambler) play(goesOn func() bool) {
	for n := 0; goesOn(); n++ {
		if n%16 == 0 {
			var list deployableList
			g.ask(http.MethodGet, "/deployables", nil, &list)
			g.all = list.named()
		}
		g.turn()
		pause(5 * time.Millisecond)
	}
}

func (g *gambler) turn() {
	if len(g.mine) > 12 {
		g.ask(http.MethodDelete, deletePath(g.mine[0]), nil, nil)
		g.mine = g.mine[1:]
	}
	var made struct {
		ARQs []arq `json:"arqs"`
	}
	g.ask(http.MethodPost, "/accelerator_requests", createBody(pickOne(g.rng, gambles...)), &made)
	if len(made.ARQs) == 0 || len(g.all) == 0 {
		return
	}
	g.mine = append(g.mine, made.ARQs[0].UUID)
	on := g.all[g.rng.IntN(len(g.all))]
	if on.host != calmHost {
		g.ask(http.MethodPatch, "/accelerator_requests", bindBody(on, newUUID(), made.ARQs[0].UUID), nil)
	}
	if g.rng.IntN(4) == 0 {
		g.ask(http.MethodPatch, "/accelerator_requests", unbindBody(g.mine[g.rng.IntN(len(g.mine))]), nil)
	}
}

// ask takes any answer but a failure of the service, or none at all while that may be
// going away.
func (g *gambler) ask(method, path string, body, into any) {
	got, err := g.do(method, path, body)
	switch {
	case err != nil: // who behaves hears of it, too
	case got.status >= 500:
		g.t.Errorf("who binds devices of hosts that do not behave: %s %s: %d %s", method, path, got.status, got.body)
	case got.status < 300 && into != nil:
		if err := json.Unmarshal(got.body, into); err != nil {
			g.t.Error(err)
		}
	}
}

// gambles are the device profiles for that.
var gambles = []string{"gamble-fpga", "gamble-vgpu", "gamble-pgpu", "gamble-nic", "gamble-image", "gamble-image-2"}

func makeGambles(c *client) {
	c.t.Helper()
	for _, name := range gambles {
		class, image := "FPGA", ""
		switch name {
		case "gamble-vgpu":
			class = "VGPU"
		case "gamble-pgpu":
			class = "PGPU"
		case "gamble-nic":
			class = "CUSTOM_NIC"
		case "gamble-image", "gamble-image-2":
			image = fmt.Sprintf(`, "accel:bitstream_id": %q`, newUUID())
		}
		c.want(http.StatusCreated, http.MethodPost, "/device_profiles", fmt.Sprintf(`[{"name": %q, "groups": [{"resources:%s": "1"%s}]}]`, name, class, image))
	}
}
