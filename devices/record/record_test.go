package record

import (
	"encoding/json"
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/sysfs"
)

var at = sysfs.Address{Bus: 0x5e, Function: 1}

func TestTextsAreThoseOfPython(t *testing.T) {
	for got, want := range map[string]string{
		PCI(at):                                `{"bus": "5e", "device": "00", "domain": "0000", "function": "1"}`,
		PCI(at, Text("physical_network", "p")): `{"bus": "5e", "device": "00", "domain": "0000", "function": "1", "physical_network": "p"}`,
		PCI(sysfs.Address{Domain: 0x10000}):    `{"bus": "00", "device": "00", "domain": "10000", "function": "0"}`,
		Object(Null("controller")):             `{"controller": null}`,
		Object():                               `{}`,
		quote("a\"\\\n\t/<é€😀\x01\x7f"):        `"a\"\\\n\t/<\u00e9\u20ac\ud83d\ude00\u0001` + "\x7f" + `"`,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestProviderUUID(t *testing.T) {
	dep := devices.Deployable{Name: Name("compute-1", sysfs.Address{Bus: 0x3b})}
	if got := dep.ProviderUUID().String(); got != "4dc17aab-79d3-3f4f-b61f-3cc3f3cb0ef8" {
		t.Errorf("%s has %s", dep.Name, got)
	}
}

func TestTraits(t *testing.T) {
	for in, want := range map[string]string{
		"CUSTOM_physnet-2": "CUSTOM_PHYSNET_2", "CUSTOM_NVIDIA_1eb8_T4-1B": "CUSTOM_NVIDIA_1EB8_T4_1B", "é.": "__",
	} {
		if got := Trait(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	got, _ := json.Marshal(Attributes("FPGA", "A", "B", "a", "C"))
	if want := `[{"key":"rc","value":"FPGA"},{"key":"trait0","value":"A"},{"key":"trait1","value":"B"},{"key":"trait2","value":"C"}]`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParsing(t *testing.T) {
	if a, err := ParsePCI(PCI(at, Text("physical_network", "p"))); err != nil || a != at {
		t.Errorf("%s, %v", a, err)
	}
	info := Object(Text("asked_type", "nvidia-222"), Text("bus", "5e"), Text("device", "00"), Text("domain", "0000"), Text("function", "1"))
	if a, vgpu, err := ParseMdev(info); err != nil || a != at || vgpu != "nvidia-222" {
		t.Errorf("%s, %s, %v", a, vgpu, err)
	}
	for _, bad := range []string{"", "{}", "[]", `{"bus": 5}`, `{"bus": "5e", "device": "00", "domain": "0000"}`} {
		if a, err := ParsePCI(bad); err == nil {
			t.Errorf("%s is taken for %s", bad, a)
		}
	}
	if _, _, err := ParseMdev(PCI(at)); err == nil {
		t.Error("a handle without a type is taken for a mediated device")
	}
}
