package protocol

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
)

// inventory is what a host with fake devices reports.
func inventory(t *testing.T, n int) *Inventory {
	t.Helper()
	found, err := fake.New(fake.Options{Host: "h", DevicesPerHost: n, HandlesPerDevice: 4}).Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inv := &Inventory{Session: uuid.New(), Seq: 1, Scan: 1, Content: Content{Complete: map[string]bool{fake.Name: true}}}
	for _, d := range found.Devices {
		inv.Devices = append(inv.Devices, Device{Driver: fake.Name, Device: d})
	}
	inv.Digest = inv.Content.Digest()
	return inv
}

func TestWhatADriverReportsIsTaken(t *testing.T) {
	inv := inventory(t, 3)
	if err := inv.Validate(); err != nil {
		t.Error(err)
	}
	for i := range inv.Devices {
		if err := inv.Devices[i].Validate(); err != nil {
			t.Error(err)
		}
	}
	text, err := json.Marshal(inv)
	var back Inventory
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if err != nil || back.Validate() != nil || back.Devices[2].Driver != fake.Name || back.Devices[2].Type != "FPGA" {
		t.Errorf("came over as %+v (%v)", back, err)
	}
}

func TestAnInventoryBeyondTheBounds(t *testing.T) {
	for what, change := range map[string]func(*Inventory){
		"session is missing":           func(inv *Inventory) { inv.Session = uuid.Nil },
		"seq and scan begin with 1":    func(inv *Inventory) { inv.Scan = 0 },
		"the digest is not that of":    func(inv *Inventory) { inv.Complete["other"] = false },
		"devices: 1025, 1024 at most":  func(inv *Inventory) { inv.Devices = make([]Device, 1025) },
		"problems: 4097, 4096 at most": func(inv *Inventory) { inv.Problems = make([]Problem, 4097) },
		"attach_handles: 16385": func(inv *Inventory) {
			inv.Devices[0].Deployables[0].AttachHandles = make([]devices.AttachHandle, 16381)
		},
		"attributes: 65540":                   func(inv *Inventory) { inv.Devices[0].Deployables[0].Attributes = make([]devices.Attribute, 65538) },
		"deployables: 4098":                   func(inv *Inventory) { inv.Devices[0].Deployables = make([]devices.Deployable, 4097) },
		`complete: "\n" has control`:          func(inv *Inventory) { inv.Complete["\n"] = true },
		"removed: 16385 bytes, 16384 at most": func(inv *Inventory) { inv.Removed = []string{strings.Repeat("x", 16385)} },
	} {
		inv := inventory(t, 2)
		change(inv)
		if err := inv.Validate(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("want %q, got %v", what, err)
		}
	}
}

func TestADeviceThatCannotBeTaken(t *testing.T) {
	for what, change := range map[string]func(*Device){
		"driver is missing":               func(d *Device) { d.Driver = "" },
		`there is no type "TOASTER"`:      func(d *Device) { d.Type = "TOASTER" },
		"cpid_info: \"x\" is not a JSON":  func(d *Device) { d.ControlPath.Info = "x" },
		"vendor is missing":               func(d *Device) { d.Vendor = "" },
		"std_board_info is no text":       func(d *Device) { d.StdBoardInfo = "\xff" },
		"model: 256 bytes, 255 at most":   func(d *Device) { d.Model = strings.Repeat("m", 256) },
		"deployable name is missing":      func(d *Device) { d.Deployables[0].Name = "" },
		"num_accelerators is -1":          func(d *Device) { d.Deployables[0].NumAccelerators = -1 },
		`attach_info: "[]" is not a JSON`: func(d *Device) { d.Deployables[0].AttachHandles[1].Info = "[]" },
		"is reported twice":               func(d *Device) { h := d.Deployables[0].AttachHandles; h[1] = h[0] },
		"attribute rc: 16385 bytes":       func(d *Device) { d.Deployables[0].Attributes[1].Value = strings.Repeat("x", 16385) },
		"attribute is missing":            func(d *Device) { d.Deployables[0].Attributes[1].Key = "" },
		`resource class "VCPU"`:           func(d *Device) { d.Deployables[0].Attributes[1].Value = "VCPU" },
		`resource class ""`:               func(d *Device) { d.Deployables[0].Attributes[1].Value = "" },
		"has 2 resource classes":          func(d *Device) { d.Deployables[0].Attributes[0] = devices.Attribute{Key: "rc", Value: "PGPU"} },
		`trait "COMPUTE_STATUS_DISABLED"`: func(d *Device) { d.Deployables[0].Attributes[0].Value = "COMPUTE_STATUS_DISABLED" },
		`trait "cuſtom_x"`:                func(d *Device) { d.Deployables[0].Attributes[0].Value = "cuſtom_x" }, // S elsewhere
		`trait "CUSTOM_"`:                 func(d *Device) { d.Deployables[0].Attributes[0].Value = "CUSTOM_" },
		`255 bytes at most`: func(d *Device) {
			d.Deployables[0].Attributes[0].Value = "CUSTOM_" + strings.Repeat("X", 250)
		},
		"bytes of the device: 99": func(d *Device) {
			for range 60 {
				d.Deployables[0].Attributes = append(d.Deployables[0].Attributes, devices.Attribute{Key: "a", Value: strings.Repeat("x", MaxText)})
			}
		},
		"bytes of the device: 95":              func(d *Device) { d.Deployables[0].Attributes = slices.Repeat([]devices.Attribute{{Key: "a"}}, 5000) },
		`attach_type: "a\tb" has control char`: func(d *Device) { d.Deployables[0].AttachHandles[0].Type = "a\tb" },
	} {
		d := inventory(t, 1).Devices[0]
		change(&d)
		if err := d.Validate(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("want %q, got %v", what, err)
		}
	}
}

// A card with as many functions as its address has room for is none too large.
func TestACardWithManyFunctions(t *testing.T) {
	d := inventory(t, 1).Devices[0]
	part := d.Deployables[0]
	part.Attributes = slices.Repeat([]devices.Attribute{{Key: "trait0", Value: "CUSTOM_FPGA_ABCDEFGH"}}, 10)
	d.Deployables = slices.Repeat([]devices.Deployable{part}, 256)
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
}

// Small letters and other signs are no fault of a device: the service writes them as
// the scheduler wants them.
func TestNamesForTheScheduler(t *testing.T) {
	d := inventory(t, 1).Devices[0]
	for _, name := range []string{"OWNER_CYBORG", "custom_physnet-2", "CUSTOM_é"} {
		d.Deployables[0].Attributes[0].Value = name
		if err := d.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// However much is wrong, what is said of it is short.
func TestFaultsAreFew(t *testing.T) {
	d := inventory(t, 1).Devices[0]
	for range 5000 {
		d.Deployables[0].Attributes = append(d.Deployables[0].Attributes, devices.Attribute{Value: strings.Repeat("\xff", 100)})
	}
	if err := d.Validate(); err == nil || len(err.Error()) > 1024 {
		t.Errorf("%d bytes", len(fmt.Sprint(err)))
	}
}

func TestTheDigest(t *testing.T) {
	inv := inventory(t, 3)
	inv.Problems = []Problem{
		{Driver: "d", Problem: devices.Problem{Where: "0000:01:00.0", Kind: devices.ProblemGone}},
		{Driver: "d", Problem: devices.Problem{Where: "0000:00:00.0", Kind: devices.ProblemGone}},
	}
	digest := inv.Content.Digest()
	if !isDigest(digest) {
		t.Errorf("digest %q", digest)
	}
	same := func(what string, is bool) {
		t.Helper()
		if got := inv.Content.Digest(); (got == digest) != is {
			t.Errorf("%s: %s, before %s", what, got, digest)
		}
		digest = inv.Content.Digest()
	}
	slices.Reverse(inv.Devices)
	slices.Reverse(inv.Problems)
	same("another order", true)
	inv.Problems[0].Detail = "for people"
	same("a detail", true)
	inv.Seq, inv.Scan = 7, 7
	same("another scan", true)
	inv.Devices[1].Deployables[0].AttachHandles = nil
	same("no handles", false)
	inv.Complete[fake.Name] = false
	same("incomplete", false)
	inv.Devices[0].Model = "no \xff UTF-8"
	same("no UTF-8", false)
	text, _ := json.Marshal(inv)
	var back Inventory
	if err := json.Unmarshal(text, &back); err != nil || back.Content.Digest() != digest {
		t.Errorf("the other side has %s, this one %s (%v)", back.Content.Digest(), digest, err)
	}
	if back, ok := ParseETag(ETag(digest)); !ok || back != digest {
		t.Errorf("as an ETag %s: %q", ETag(digest), back)
	}
	for _, header := range []string{"", `"`, `""`, "*", digest, `W/"` + digest + `"`, `"` + strings.ToUpper(digest) + `"`} {
		if _, ok := ParseETag(header); ok {
			t.Errorf("%s is taken for an ETag", header)
		}
	}
}

// A driver on the other side gets the command that was meant.
func TestCommandsComeOverWhole(t *testing.T) {
	path := devices.ControlPathID{Type: "PCI", Info: "{}"}
	image := uuid.New()
	for _, c := range []devices.Command{
		{
			ID: uuid.New(), Kind: devices.ProgramFPGA, Host: "h", Device: path, Deployable: "h_x", DriverName: "fake",
			Image: image, Content: devices.Image{ID: image, Size: 5, Hash: "sha256", Digest: "00ff"},
		},
		{ID: uuid.New(), Kind: devices.CreateMdev, Host: "h", Device: path, Deployable: "h_x", Handle: uuid.New(), HandleInfo: `{"a": 1}`},
		{ID: uuid.New(), Kind: devices.RemoveMdev, Host: "h", Device: path, Deployable: "h_x", Handle: uuid.New(), HandleInfo: `{"a": 1}`, Undoes: uuid.New()},
		{ID: uuid.New(), Kind: devices.SetVGPUType, Host: "h", Device: path, Deployable: "h_x", Handle: uuid.New(), HandleInfo: `{"a": 1}`, VGPUType: "1414"},
	} {
		text, err := json.Marshal(NewCommand(&c, 3, 1.5))
		if err != nil {
			t.Fatal(err)
		}
		var w Command
		if err := json.Unmarshal(text, &w); err != nil || w.For("h") != c || w.N != 3 || w.DeadlineS != 1.5 {
			t.Errorf("%+v came over as %+v (%v)", c, w.For("h"), err)
		}
	}
}

func TestResults(t *testing.T) {
	ok := Result{Session: uuid.New(), State: ResultFailed, Code: ResultError, Message: "no"}
	if err := ok.Validate(); err != nil || !ok.Ends() {
		t.Errorf("%+v: %v", ok, err)
	}
	for what, change := range map[string]func(*Result){
		"session is missing":              func(r *Result) { r.Session = uuid.Nil },
		`there is no state "perhaps"`:     func(r *Result) { r.State = "perhaps" },
		"code is missing":                 func(r *Result) { r.Code = "" },
		"code belongs to":                 func(r *Result) { r.State = ResultDone },
		"per cent, not 101":               func(r *Result) { r.Progress = 101 },
		"message: 1025 bytes":             func(r *Result) { r.Message = strings.Repeat("x", 1025) },
		"message is no text":              func(r *Result) { r.Message = "\xff" },
		"code: 256 bytes, 255 at most":    func(r *Result) { r.Code = strings.Repeat("x", 256) },
		`code: "a\nb" has control charac`: func(r *Result) { r.Code = "a\nb" },
	} {
		r := ok
		change(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("want %q, got %v", what, err)
		}
	}
}

func TestSessionsAndHeartbeats(t *testing.T) {
	open := OpenSession{Versions: []int{1}, AgentVersion: "1", BootID: "b", Capabilities: []devices.CommandKind{devices.CreateMdev}, Drivers: []string{fake.Name}}
	if err := open.Validate(); err != nil {
		t.Error(err)
	}
	if err := (&OpenSession{Drivers: make([]string, 65)}).Validate(); err == nil || !strings.Contains(err.Error(), "drivers: 65") {
		t.Error(err)
	}
	if err := (&OpenSession{Provider: "a\nb"}).Validate(); err == nil || !strings.Contains(err.Error(), "resource_provider_name") {
		t.Error(err)
	}
	if v, ok := Common([]int{Version + 1, Version}); v != Version || !ok {
		t.Errorf("version %d", v)
	}
	if _, ok := Common([]int{Version + 1}); ok {
		t.Error("an unknown version is spoken")
	}
	beat := Heartbeat{Session: uuid.New(), Health: []DeviceHealth{{Device: devices.ControlPathID{Type: "PCI", Info: "{}"}, Health: devices.Health{State: devices.HealthOK}}}}
	if err := beat.Validate(); err != nil {
		t.Error(err)
	}
	beat.Health[0].State, beat.Digest = "tired", "x"
	if err := beat.Validate(); err == nil || !strings.Contains(err.Error(), "tired") || !strings.Contains(err.Error(), "SHA-256") {
		t.Error(err)
	}
}

func TestTheHeaderDigest(t *testing.T) {
	header := DigestHeader(&devices.Image{Hash: "sha512", Digest: "00ff"})
	if hash, digest, ok := ParseDigestHeader(header); header != "sha-512=AP8=" || hash != "sha512" || digest != "00ff" || !ok {
		t.Errorf("%s: %s %s", header, hash, digest)
	}
	for _, bad := range []string{"", "sha-512", "sha-512=", "sha-512=*", "crc32=AP8="} {
		if _, _, ok := ParseDigestHeader(bad); ok {
			t.Errorf("%q is taken for a digest", bad)
		}
	}
	if DigestHeader(&devices.Image{}) != "" {
		t.Error("a digest of nothing")
	}
}

func TestPathsAreEscaped(t *testing.T) {
	if got := InventoryPath("a/b"); got != "/agent/v1/hosts/a%2Fb/inventory" {
		t.Error(got)
	}
}

// Clocks of two machines are never compared: no time goes over the wire but what
// is left of one.
func TestNoAbsoluteTimesAreTold(t *testing.T) {
	var look func(at string, typ reflect.Type, seen map[reflect.Type]bool)
	look = func(at string, typ reflect.Type, seen map[reflect.Type]bool) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			look(at, typ.Elem(), seen)
		case reflect.Struct:
			if typ == reflect.TypeFor[time.Time]() {
				t.Errorf("%s is a time", at)
			}
			for f := range typ.Fields() {
				look(at+"."+f.Name, f.Type, seen)
			}
		default:
		}
	}
	for _, body := range []any{OpenSession{}, Session{}, Heartbeat{}, HeartbeatReply{}, Inventory{}, InventoryReply{}, Commands{}, Result{}, Error{}} {
		typ := reflect.TypeOf(body)
		look(typ.Name(), typ, map[reflect.Type]bool{})
	}
}
