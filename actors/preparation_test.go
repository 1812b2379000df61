package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// vgpuHost is a host with a virtual function that becomes a vGPU of type 1414.
func vgpuHost() []devices.Device {
	return []devices.Device{{
		Type: "GPU", Vendor: "10de", ControlPath: devices.ControlPathID{Type: "PCI", Info: `{"n": 1}`},
		Deployables: []devices.Deployable{{
			Name: "v_0000:3b:00.4", DriverName: "NVIDIA", NumAccelerators: 1,
			Attributes:    []devices.Attribute{{Key: "rc", Value: "VGPU"}, {Key: devices.AttributeVGPUType, Value: "1414"}},
			AttachHandles: []devices.AttachHandle{{Type: "PCI", Info: `{"bus": "3b", "device": "00", "domain": "0000", "function": "4"}`}},
		}},
	}}
}

// works writes down what the hardware is told to do.
type works struct {
	mu   sync.Mutex
	told []string
	fail string // what fails
}

func (k *works) do(_ context.Context, c devices.Command) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	word := string(c.Kind)
	if c.VGPUType != "" {
		word += " " + c.VGPUType
	}
	k.told = append(k.told, word)
	if word == k.fail {
		return errors.New("no")
	}
	return nil
}

func (k *works) want(t *testing.T, words ...string) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.told, words) {
		t.Errorf("the hardware was told %q, want %q", k.told, words)
	}
	k.told = nil
}

func settled() {
	<-time.After(time.Second)
	synctest.Wait()
}

func TestAVirtualFunctionBecomesAVGPU(t *testing.T) {
	k := &works{}
	inBubble(t, 1, func(w *world) {
		w.must(w.sys.RegisterInventory(w.t.Context(), "v", vgpuHost()))
		w.profile("vgpu", Request{"resources:VGPU", "1"})
		ids := w.create("vgpu", 2)
		w.must(w.bind(w.to("v", instance), ids[0]))
		settled()
		w.wantStates("Bound", ids[0])
		if a, _ := w.sys.ARQ(ids[0]); a.Binding.Handle.Type != "PCI" || a.Binding.Handle.Info != vgpuHost()[0].Deployables[0].AttachHandles[0].Info {
			t.Errorf("Nova reads %+v", a.Binding.Handle)
		}
		k.want(t, "vgpu_set_type 1414")
		w.must(w.unbind(ids[0]))
		settled()
		k.want(t, "vgpu_set_type 0")
		k.fail = "vgpu_set_type 1414"
		w.must(w.bind(w.to("v", another), ids[1]))
		settled()
		w.wantStates("BindFailed", ids[1])
		k.want(t, "vgpu_set_type 1414", "vgpu_set_type 0")
		w.wantHandles(2, 0, 0)
		w.wantConsistent()
	}, func(w *world) { w.do = k.do })
}

// An administrator's attribute has nothing written into hardware.
func TestOnlyTheHostSaysWhatTypeAVGPUGets(t *testing.T) {
	k := &works{}
	inBubble(t, 1, func(w *world) {
		plain := vgpuHost()
		plain[0].Deployables[0].Attributes = plain[0].Deployables[0].Attributes[:1]
		w.must(w.sys.RegisterInventory(w.t.Context(), "v", plain))
		_, err := w.sys.CreateAttribute(w.t.Context(), NewAttribute{DeployableID: w.deployableOf("v").ID, Key: devices.AttributeVGPUType, Value: "1414"})
		w.must(err)
		w.profile("vgpu", Request{"resources:VGPU", "1"})
		id := w.create("vgpu", 1)[0]
		w.must(w.bind(w.to("v", instance), id))
		settled()
		w.wantStates("Bound", id)
		w.must(w.unbind(id))
		settled()
		k.want(t)
	}, func(w *world) { w.do = k.do })
}

// With Nova at work on them, mediated devices are no concern of ours, and the
// handle has what Nova needs.
func TestNovaMakesMediatedDevices(t *testing.T) {
	k := &works{}
	inBubble(t, 1, func(w *world) {
		w.must(w.sys.RegisterInventory(w.t.Context(), "m", simInventory("m")))
		w.profile("vgpu", Request{"resources:VGPU", "1"})
		id := w.create("vgpu", 1)[0]
		w.must(w.bind(w.to("m", instance), id))
		w.wantStates("Bound", id) // at once
		if a, _ := w.sys.ARQ(id); a.Binding.Handle.UUID == uuid.Nil || a.Binding.Handle.Type != handleTypeMdev {
			t.Errorf("%+v", a.Binding.Handle)
		}
		w.must(w.unbind(id))
		w.wantHandles(3, 0, 0)
		k.want(t)
	}, func(w *world) { w.do, w.opts.NovaMakesMdevs = k.do, true })
}

// After a start of the host what its guests have is made anew, of vGPUs their
// type.
func TestAVGPUsTypeIsSetAgainAfterAStartOfTheHost(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("v", 0)
		for _, d := range vgpuHost() {
			a.content.Devices = append(a.content.Devices, protocol.Device{Driver: "d", Device: d})
		}
		capable := func() {
			s, err := a.sys.OpenSession(a.t.Context(), a.host, &protocol.OpenSession{
				Versions: []int{protocol.Version}, AgentVersion: "test", BootID: a.boot, Drivers: []string{"d"},
				Capabilities: []devices.CommandKind{devices.SetVGPUType},
			})
			a.must(err)
			a.session, a.seq, a.scan = s.Session, 0, 0
		}
		carryOut := func(want string) {
			t.Helper()
			c := a.fetch()
			if got := fmt.Sprint(c.Kind, " ", c.Args.VGPUType); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
			a.done(c)
		}
		capable()
		a.report()
		w.profile("vgpu", Request{"resources:VGPU", "1"})
		id := w.create("vgpu", 1)[0]
		w.must(w.bind(w.to("v", instance), id))
		carryOut("vgpu_set_type 1414")
		synctest.Wait()
		w.wantStates("Bound", id)
		a.boot = "boot-2"
		capable()
		carryOut("vgpu_set_type 1414")
		settled()
		w.must(w.unbind(id))
		carryOut("vgpu_set_type 0")
		settled()
		w.wantConsistent()
	})
}
