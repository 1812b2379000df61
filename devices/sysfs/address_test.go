package sysfs

import (
	"math"
	"slices"
	"testing"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"0000:3b:00.0":     "0000:3b:00.0",
		"0000:AF:1F.7":     "0000:af:1f.7",
		"10000:01:00.0":    "10000:01:00.0", // behind a volume management device
		"ffffffff:00:00.0": "ffffffff:00:00.0",
	} {
		if a, err := ParseAddress(text); err != nil || a.String() != want {
			t.Errorf("%s: %s, %v", text, a, err)
		}
	}
	for _, text := range []string{"", "3b:00.0", "0000:3b:00", "0000:3b:20.0", "0000:3b:00.8", "000:3b:00.0", "100000000:00:00.0", "0000:3b:00.0\n", "pci0000:00"} {
		if a, err := ParseAddress(text); err == nil {
			t.Errorf("%q is taken for %s", text, a)
		}
	}
}

func TestAddressesAreInOrderOfNumber(t *testing.T) {
	want := []string{"0000:02:00.0", "0000:0a:00.0", "0000:0a:00.1", "0000:0a:01.0", "0001:00:00.0", "10000:00:00.0"}
	var got []Address
	for i := range want {
		a, err := ParseAddress(want[len(want)-1-i])
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, a)
	}
	slices.SortFunc(got, Address.Compare)
	for i, a := range got {
		if a.String() != want[i] {
			t.Errorf("%d is %s, want %s", i, a, want[i])
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"0000:3b:00.0", "10000:ff:1f.7", "0:0:0.0", "", "0000:3b:20.0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err != nil {
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q is %v, written %s, read again %v, %v", text, a, a, again, err)
		}
	})
}

// The texts of attributes come from drivers of all sorts.
func FuzzAttributes(f *testing.F) {
	f.Add("0x10de")
	f.Add("TOTAL_ERR_FATAL 3\n")
	f.Add("RxErr 0\nTOTAL_ERR_FATAL -1")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseHex(text, 16); err == nil && n > 0xffff {
			t.Errorf("%q is %x", text, n)
		}
		if n, counted := parseAER(text, "TOTAL_ERR_FATAL"); n > 0 && !counted && n != math.MaxUint64 {
			t.Errorf("%q counts %d", text, n)
		}
	})
}
