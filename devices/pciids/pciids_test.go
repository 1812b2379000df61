package pciids

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const edition = `#
#	Version: 2031.01.02
#
10de  NVIDIA Corporation
# a comment in between
	2335  GH100 [H200 SXM 141GB]
		10de 18be  a subsystem
	23
1bd4  Inspur
C 03  Display controller
	02  3D controller
		00  an interface
C 12  Processing accelerators
ffff  after the classes
`

func TestNames(t *testing.T) {
	n, err := Parse(strings.NewReader(edition))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ got, want string }{
		{n.Version, "2031.01.02"},
		{n.Model(0x10de, 0x2335), "NVIDIA Corporation GH100 [H200 SXM 141GB]"},
		{n.Model(0x10de, 0x18be), "NVIDIA Corporation Device"},
		{n.Model(0x1bd4, 0x2335), "Inspur Device"},
		{n.Model(0x1234, 0x2335), "Device"},
		{n.Model(0xffff, 1), "after the classes Device"},
		{n.Subclass(0x0302), "3D controller"},
		{n.Subclass(0x0399), "Display controller"},
		{n.Subclass(0x9999), "Class"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestTheBuiltInEdition(t *testing.T) {
	n, err := ForHost(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if n.Version != "2023.04.10" || n.Model(0x10de, 0x1eb8) != "NVIDIA Corporation TU104GL [Tesla T4]" || n.Subclass(0x0300) != "VGA compatible controller" {
		t.Errorf("version %s, T4 %q, VGA %q", n.Version, n.Model(0x10de, 0x1eb8), n.Subclass(0x0300))
	}
}

// Only a newer edition of the host replaces the built-in one.
func TestTheHostsEdition(t *testing.T) {
	for version, want := range map[string]string{
		"2031.01.02": "NVIDIA Corporation GH100 [H200 SXM 141GB]",
		"2020.01.01": "NVIDIA Corporation Device",
		"unknown":    "NVIDIA Corporation Device",
	} {
		root := t.TempDir()
		dir := filepath.Join(root, "usr/share/misc")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(edition, "2031.01.02", version, 1)
		if err := os.WriteFile(filepath.Join(dir, "pci.ids"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := ForHost(root)
		if err != nil || n.Model(0x10de, 0x2335) != want {
			t.Errorf("edition %s: %q, %v; want %q", version, n.Model(0x10de, 0x2335), err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(edition)
	f.Add("C 03\n\t02  x\n10de  \n\t\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		for id := range n.devices {
			if _, known := n.vendors[uint16(id>>16)]; !known {
				t.Errorf("device %08x has no vendor", id)
			}
			if n.Model(uint16(id>>16), uint16(id)) == "Device" {
				t.Errorf("device %08x has no name", id)
			}
		}
	})
}
