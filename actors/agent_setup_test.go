package actors

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/devices/protocol"
)

// scripted is an agent that says what the test wants.
type scripted struct {
	*world
	host string
	boot string
	// provider is what the agent calls the host's resource provider.
	provider string
	drivers  []string  // that are enabled; none: those of the devices
	process  uuid.UUID // zero, as is journal: it does not say
	journal  uuid.UUID
	session  uuid.UUID
	seq      uint64
	scan     uint64
	content  protocol.Content
}

// withAgent runs a test in fake time, in a world of two hosts: "h" has no agent, and
// that of "n" has reported a device of 4 handles.
func withAgent(t *testing.T, body func(w *world, a *scripted, d *Device), options ...worldOption) {
	t.Helper()
	inBubble(t, 1, func(w *world) {
		a := w.joined("n", 1)
		body(w, a, w.wantDevices("n", 1)[0])
	}, options...)
}

// withMdevAgent is withAgent, where the handles are mediated devices.
func withMdevAgent(t *testing.T, body func(w *world, a *scripted, d *Device), options ...worldOption) {
	t.Helper()
	inBubble(t, 1, func(w *world) {
		a := w.withMdevs("n")
		body(w, a, w.wantDevices("n", 1)[0])
	}, options...)
}

// agent makes one of a host with n fake devices of 4 handles each.
func (w *world) agent(host string, n int) *scripted {
	w.t.Helper()
	a := &scripted{world: w, host: host, boot: "boot-1"}
	found, err := fake.New(fake.Options{Host: host, DevicesPerHost: n, HandlesPerDevice: 4}).Discover(w.t.Context())
	w.must(err)
	a.content.Complete = map[string]bool{fake.Name: true}
	for _, d := range found.Devices {
		a.content.Devices = append(a.content.Devices, protocol.Device{Driver: fake.Name, Device: d})
	}
	return a
}

// joined is an agent whose inventory was taken.
func (w *world) joined(host string, n int) *scripted {
	w.t.Helper()
	a := w.agent(host, n)
	a.open()
	a.report()
	return a
}

func (a *scripted) open() *protocol.Session {
	a.t.Helper()
	s, err := a.tryOpen()
	a.must(err)
	return s
}

func (a *scripted) tryOpen() (*protocol.Session, error) {
	drivers := a.drivers
	if drivers == nil {
		drivers = []string{fake.Name}
	}
	s, err := a.sys.OpenSession(a.t.Context(), a.host, &protocol.OpenSession{
		Versions: []int{protocol.Version}, AgentVersion: "test", BootID: a.boot, Drivers: drivers, Provider: a.provider,
		Capabilities: []devices.CommandKind{devices.ProgramFPGA, devices.CreateMdev, devices.RemoveMdev},
		Process:      a.process, Journal: a.journal,
	})
	if err == nil {
		a.session, a.seq, a.scan = s.Session, 0, 0
	}
	return s, err
}

// restarted opens a session after a start of the host.
func (a *scripted) restarted(boot string) {
	a.t.Helper()
	a.boot = boot
	a.open()
}

func (a *scripted) tryReport(ifMatch *string) (*protocol.InventoryReply, error) {
	a.seq++
	a.scan++
	inv := &protocol.Inventory{Session: a.session, Seq: a.seq, Scan: a.scan, Content: a.content}
	inv.Digest = a.content.Digest()
	return a.sys.ReportInventory(a.t.Context(), a.host, []string{a.host}, inv, ifMatch)
}

func (a *scripted) report() *protocol.InventoryReply {
	a.t.Helper()
	reply, err := a.tryReport(nil)
	a.must(err)
	return reply
}

func (a *scripted) tryBeat() (*protocol.HeartbeatReply, error) {
	return a.sys.Heartbeat(a.t.Context(), a.host, &protocol.Heartbeat{Session: a.session, Digest: a.content.Digest()})
}

func (a *scripted) beat() *protocol.HeartbeatReply {
	a.t.Helper()
	reply, err := a.tryBeat()
	a.must(err)
	return reply
}

// without takes the device with a number from what is reported.
func (a *scripted) without(n int) protocol.Device {
	d := a.content.Devices[n]
	a.content.Devices = slices.Delete(slices.Clone(a.content.Devices), n, n+1)
	return d
}

// wantRefused wants a device to be refused for each reason, in order, and no
// other.
func (a *scripted) wantRefused(r *protocol.InventoryReply, reasons ...string) {
	a.t.Helper()
	if len(r.Refused) != len(reasons) {
		a.t.Fatalf("refused %+v, want %q", r.Refused, reasons)
	}
	for i, reason := range reasons {
		if !strings.Contains(r.Refused[i].Reason, reason) {
			a.t.Errorf("refused %q, want %q", r.Refused[i].Reason, reason)
		}
	}
}

func (w *world) wantAgentError(err error, code string) {
	w.t.Helper()
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != code {
		w.t.Errorf("%v, want code %s", err, code)
	}
}

func (w *world) wantHost(name string, want HostState) {
	w.t.Helper()
	synctest.Wait()
	if h := w.sys.host(name); h == nil || h.State != want {
		w.t.Errorf("host %s is %+v, want %s", name, h, want)
	}
}

// wantDevices wants as many devices on a host, and gives them.
func (w *world) wantDevices(host string, n int) []*Device {
	w.t.Helper()
	synctest.Wait()
	all := w.sys.devicesOf(host)
	if len(all) != n {
		w.t.Errorf("%d devices on %s, want %d", len(all), host, n)
	}
	return all
}

// bindTo binds a new ARQ to a device.
func (w *world) bindTo(d *Device, i uuid.UUID) (uuid.UUID, error) {
	w.t.Helper()
	if _, ok := w.sys.ProfileByName("one"); !ok {
		w.profile("one")
	}
	id := w.create("one", 1)[0]
	return id, w.bind(&BindTo{Hostname: d.Hostname, ProviderUUID: d.Deployables[0].ProviderUUID, InstanceUUID: i}, id)
}

// bound is a new ARQ whose bind to a device is accepted.
func (w *world) bound(d *Device, i uuid.UUID) uuid.UUID {
	w.t.Helper()
	id, err := w.bindTo(d, i)
	w.must(err)
	return id
}

// poll gives the commands after a number that are there, or come in a while.
func (a *scripted) poll(after uint64, wait time.Duration) []protocol.Command {
	a.t.Helper()
	got, err := a.sys.AwaitCommands(a.t.Context(), a.host, a.session, after, wait)
	a.must(err)
	return got
}

// fetch gives the one command that there is.
func (a *scripted) fetch() protocol.Command {
	a.t.Helper()
	got := a.poll(0, 20*time.Second)
	if len(got) != 1 {
		a.t.Fatalf("%d commands, want one: %+v", len(got), got)
	}
	return got[0]
}

func (a *scripted) tryResult(c protocol.Command, state protocol.ResultState, code string) error {
	return a.sys.CommandResult(a.t.Context(), a.host, c.ID, &protocol.Result{Session: a.session, State: state, Code: code})
}

func (a *scripted) done(c protocol.Command) {
	a.t.Helper()
	a.must(a.tryResult(c, protocol.ResultDone, ""))
	synctest.Wait()
}

func (a *scripted) failed(c protocol.Command, code string) {
	a.t.Helper()
	a.must(a.tryResult(c, protocol.ResultFailed, code))
	synctest.Wait()
}

// mdevs makes all handles of an agent's devices mediated ones.
func (a *scripted) mdevs() {
	for i := range a.content.Devices {
		a.mdevsOf(i)
	}
}

// mdevsOf makes those of one of the devices mediated ones.
func (a *scripted) mdevsOf(device int) {
	handles := a.content.Devices[device].Deployables[0].AttachHandles
	for i := range handles {
		handles[i].Type = handleTypeMdev
	}
}

// withMdevs is an agent with one device of 4 mediated ones.
func (w *world) withMdevs(host string) *scripted {
	w.t.Helper()
	a := w.agent(host, 1)
	a.mdevs()
	a.open()
	a.report()
	return a
}

// program binds a new ARQ to a host's device with an image.
func (w *world) program(host string, i uuid.UUID) uuid.UUID {
	w.t.Helper()
	if _, ok := w.sys.ProfileByName("image"); !ok {
		w.profile("image", Request{"resources:FPGA", "1"}, Request{keyBitstream, image})
	}
	id := w.create("image", 1)[0]
	w.must(w.bind(w.to(host, i), id))
	return id
}

func (w *world) wantCommandsOnRecord(n int) {
	w.t.Helper()
	synctest.Wait()
	if got := w.recorded(kindCommand); got != n {
		w.t.Errorf("%d commands are on record, want %d", got, n)
	}
}

// finishAll has the agent do all that there is to do, and gives it.
func (w *world) finishAll(a *scripted) (kinds []devices.CommandKind) {
	w.t.Helper()
	for range 50 {
		got := a.poll(0, time.Second)
		if len(got) == 0 {
			return kinds
		}
		for _, c := range got {
			kinds = append(kinds, c.Kind)
			a.done(c)
		}
	}
	w.t.Fatalf("there is no end of commands: %v", kinds)
	return nil
}

// says beats after the usual time, with the health of a device.
func (a *scripted) says(d *Device, state devices.HealthState, errors map[devices.ErrorCounter]uint64, reasons ...string) {
	a.t.Helper()
	<-time.After(10 * time.Second)
	a.tells(d, state, errors, reasons...)
	synctest.Wait()
}

func (a *scripted) tells(d *Device, state devices.HealthState, errors map[devices.ErrorCounter]uint64, reasons ...string) {
	a.t.Helper()
	_, err := a.sys.Heartbeat(a.t.Context(), a.host, &protocol.Heartbeat{
		Session: a.session, Digest: a.content.Digest(),
		Health: []protocol.DeviceHealth{{Device: d.ControlPath, Health: devices.Health{State: state, Reasons: reasons, Errors: errors}}},
	})
	a.must(err)
}

// beats beats for a while and has nothing to say.
func (a *scripted) beats(d time.Duration) {
	a.t.Helper()
	for end := a.sys.now().Add(d); a.sys.now().Before(end); {
		<-time.After(10 * time.Second)
		a.beat()
	}
	synctest.Wait()
}

// quarantined says twice that a device has failed.
func (a *scripted) quarantines(d *Device) {
	a.t.Helper()
	a.says(d, failed, nil, "smoke")
	a.says(d, failed, nil, "smoke")
}
