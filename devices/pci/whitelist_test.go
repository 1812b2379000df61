package pci

import (
	"slices"
	"testing"

	"github.com/arqd/arqd/devices/base"
	"github.com/arqd/arqd/devices/fixture"
	"github.com/arqd/arqd/devices/sysfs"
)

func mustParse(t *testing.T, text string) Whitelist {
	t.Helper()
	list, err := ParseWhitelist(text)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What the entries mean on a host with a T4, an unknown network card, an X710
// with two ports and two virtual functions, two FPGAs and a bridge.
func TestEntriesMatch(t *testing.T) {
	all := []string{
		"0000:00:00.0", "0000:05:00.0", "0000:06:00.0", "0000:06:00.1", "0000:06:02.0", "0000:06:02.1",
		"0000:0a:00.0", "0000:0a:01.0", "0000:3b:00.0",
	}
	host := fixture.Load(t, "pci-whitelist")
	root := host.Build(t)
	for entry, want := range map[string][]string{
		`{}`:                    all,
		`[]`:                    nil,
		`{"vendor_id": "10DE"}`: {"0000:3b:00.0"},
		`{"vendor_id": "*", "product_id": "0x1572"}`:  {"0000:06:00.0", "0000:06:00.1"},
		`{"vendor_id": "8086", "product_id": "154C"}`: {"0000:06:02.0", "0000:06:02.1"},
		`{"address": ""}`:                                              all,
		`{"address": "*"}`:                                             all,
		`{"address": ":0a:00."}`:                                       {"0000:0a:00.0"},
		`{"address": "*:0a:00.*"}`:                                     {"0000:0a:00.0"},
		`{"address": "a:"}`:                                            {"0000:0a:00.0", "0000:0a:01.0"},
		`{"address": "0:6:0.1"}`:                                       {"0000:06:00.1"},
		`{"address": ".1"}`:                                            {"0000:06:00.1", "0000:06:02.1"},
		`{"address": "1:0a:00.0"}`:                                     nil,
		`{"address": {"bus": "0"}, "vendor_id": "10ee"}`:               {"0000:0a:00.0", "0000:0a:01.0"},
		`{"address": {"bus": "0[5a]", "slot": "00"}}`:                  {"0000:05:00.0", "0000:0a:00.0"},
		`{"address": {"bus": "a|5"}}`:                                  nil,
		`{"devname": "ens2f0", "physical_network": "net1"}`:            {"0000:06:00.0"},
		`{"devname": "eth99"}`:                                         nil,
		`{"devname": "ens2f0", "vendor_id": "10de"}`:                   nil,
		`[{"address": "06:00.0"}, {"address": "06:00"}]`:               {"0000:06:00.0", "0000:06:00.1"},
		` [ {"vendor_id": " dead ", "trusted": "true", "other": [1]}]`: {"0000:05:00.0"},
	} {
		d := New(base.Driver{Bus: sysfs.New(root), Host: "h"}, Options{Whitelist: mustParse(t, entry)})
		found, err := d.Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, device := range found.Devices {
			got = append(got, device.Deployables[0].Name[len("h_"):])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s matches %v, want %v", entry, got, want)
		}
		if (want == nil && entry != "[]") != (len(found.Notes) == 1) {
			t.Errorf("%s: notes %q", entry, found.Notes)
		}
	}
}

func TestAnAddressStandsForVFsOnDemand(t *testing.T) {
	host := fixture.Load(t, "pci-whitelist")
	d := New(base.Driver{Bus: sysfs.New(host.Build(t)), Host: "h"},
		Options{Whitelist: mustParse(t, `{"address": "06:00.0"}`), VFsOfPF: true})
	found, err := d.Discover(t.Context())
	if err != nil || len(found.Devices) != 3 {
		t.Errorf("%d devices, want the function and its two; %v", len(found.Devices), err)
	}
}

func TestBadEntriesAreRefused(t *testing.T) {
	for _, entry := range []string{
		``, `x`, `null`, `[null]`, `"10de"`, `[1]`, `{"vendor_id": 4318}`, `{"vendor_id": "10000"}`, `{"product_id": "xyz"}`,
		`{"vendor_id": null}`, `{"address": 5}`, `{"address": null}`, `{"address": {"bus": 5}}`, `{"address": {"bus": "("}}`,
		`{"address": {"slot": "(?!1)"}}`, `{"address": {"slot": "(a)\\1"}}`, `{"address": {"bus": "0)|(1"}}`, `{"address": "0:0:0:0.0"}`, `{"address": "100:00.0"}`,
		`{"address": "20.0"}`, `{"address": "00.8"}`, `{"address": "x"}`, `{"address": "100000000:00:00.0"}`,
		`{"address": "1", "devname": "eth0"}`, `{"devname": "../eth0"}`, `{"devname": 1}`, `{} {}`,
	} {
		if list, err := ParseWhitelist(entry); err == nil {
			t.Errorf("%s is taken for %+v", entry, list)
		}
	}
}

func FuzzWhitelist(f *testing.F) {
	f.Add(`{"vendor_id": "10de", "address": "*:0a:00.*"}`)
	f.Add(`[{"address": {"bus": "0[1-9]"}}, {"devname": "eth0"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseWhitelist(text)
		if err != nil && list != nil {
			t.Error("an error and a list")
		}
		for _, e := range list {
			if e.address != nil {
				e.address(sysfs.Address{Domain: 0x10000, Bus: 0xff, Slot: 0x1f, Function: 7})
			}
		}
	})
}
