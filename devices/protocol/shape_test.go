package protocol

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/arqd/arqd/devices"
)

// What is within the bounds of an inventory has a good shape, all of it at once.
func TestTheShapeOfTheLargestInventory(t *testing.T) {
	inv := Inventory{Content: Content{Devices: make([]Device, MaxDevices), Problems: make([]Problem, MaxProblems), Removed: make([]string, MaxDevices)}}
	for i := range inv.Devices {
		inv.Devices[i].Deployables = make([]devices.Deployable, MaxDeployables/MaxDevices)
	}
	inv.Devices[0].Deployables[0].AttachHandles = make([]devices.AttachHandle, MaxHandles)
	inv.Devices[1].Deployables[0].Attributes = make([]devices.Attribute, MaxAttributes)
	text, err := json.Marshal(inv)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckShape(text); err != nil {
		t.Error(err)
	}
}

func TestShapes(t *testing.T) {
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	for text, want := range map[string]string{
		`{"devices":[` + many(10_241, "null") + `]}`:                                  "more than 10240 elements",
		`{"devices":[` + many(10_240, "null") + `]}`:                                  "",
		`{"devices":[{"deployables":[` + many(30_000, "{}") + `]}]}`:                  "more than 20480 elements",
		`{"a":[` + many(6000, `1`) + `],"b":[` + many(6000, `1`) + `]}`:               "more than 10240 elements",
		`{"devices":[{"deployables":[{"attributes":[` + many(99_000, "0") + `]}]}]}`:  "more than 98304 elements",
		`{"a":"` + many(99_000, "[") + `", "b": "\"` + many(99_000, "x") + `[[[[\\"}`: "",
		`{"x":{` + many(99_000, `"a":1`) + `}}`:                                       "",
		strings.Repeat("[", 17):                                                       "nested deeper",
		strings.Repeat("[", 16):                                                       "",
		`]]]]`:                                                                        "",
		`"never ended \`:                                                              "",
		``:                                                                            "",
	} {
		err := CheckShape([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

// FuzzInventory: whatever an agent sends is refused or taken, as a whole or device
// by device, and what is taken is read from its own JSON as the same.
func FuzzInventory(f *testing.F) {
	for _, seed := range []string{
		`{"session":"10000000-0000-4000-8000-000000000001","seq":1,"scan":1,"devices":[{"driver":"fake_driver","type":"GPU","vendor":"10de",` +
			`"controlpath_id":{"cpid_type":"PCI","cpid_info":"{}"},"deployables":[{"name":"h_x","driver_name":"d","attributes":[{"key":"rc","value":"PGPU"}],` +
			`"attach_handles":[{"attach_type":"PCI","attach_info":"{}"}]}]}],"complete":{"fake_driver":true},"problems":[{"driver":"d","where":"0000:00:00.0","kind":"gone"}],"removed":["{}"]}`,
		`{"devices":[null,{}],"devices":[{"deployables":[null]}]}`, `{"seq":1e99}`, `{"devices":[{"type":"\ud800","vendor":"\u0000"}]}`, `[]`, `null`, `{"complete":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if CheckShape(text) != nil {
			return
		}
		var inv Inventory
		if json.Unmarshal(text, &inv) != nil {
			return
		}
		inv.Digest = inv.Content.Digest()
		for i := range inv.Devices {
			if inv.Devices[i].Validate() != nil {
				continue
			}
			for j := range inv.Devices[i].Deployables {
				inv.Devices[i].Deployables[j].ProviderUUID()
			}
			for k := range inv.Problems {
				inv.Problems[k].Hides(inv.Devices[i].ControlPath)
			}
		}
		if inv.Validate() != nil {
			return
		}
		again, err := json.Marshal(&inv)
		if err != nil || CheckShape(again) != nil {
			t.Fatalf("%v, %v", err, CheckShape(again))
		}
		var back Inventory
		if err := json.Unmarshal(again, &back); err != nil || back.Validate() != nil {
			t.Errorf("what was good is not any more: %v, %v", err, back.Validate())
		}
	})
}
