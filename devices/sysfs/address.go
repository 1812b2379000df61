// Package sysfs reads what Linux says of PCI functions below /sys, or below
// another root that looks like it.
//
// It is written for hosts on which something is wrong: each function is read
// by itself, and one that has vanished or cannot be read costs no other its
// place in the report.
package sysfs

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// Address is where a PCI function sits. The zero value is 0000:00:00.0.
type Address struct {
	Domain   uint32
	Bus      uint8
	Slot     uint8 // 0 to 1f
	Function uint8 // 0 to 7
}

// Domains have five to eight digits behind Intel's volume management device.
var addressForm = regexp.MustCompile(`^([0-9a-fA-F]{4,8}):([0-9a-fA-F]{2}):([01][0-9a-fA-F])\.([0-7])$`)

// ParseAddress reads dddd:bb:ss.f, all four parts given, digits in any case.
func ParseAddress(s string) (Address, error) {
	m := addressForm.FindStringSubmatch(s)
	if m == nil {
		return Address{}, fmt.Errorf("%q is not a PCI address such as 0000:3b:00.0", s)
	}
	number := func(text string) uint64 {
		n, _ := strconv.ParseUint(text, 16, 32) // the form leaves nothing to fail
		return n
	}
	return Address{
		Domain: uint32(number(m[1])), Bus: uint8(number(m[2])),
		Slot: uint8(number(m[3])), Function: uint8(number(m[4])),
	}, nil
}

// String gives the address as sysfs names it: lower-case digits, the domain
// with at least four.
func (a Address) String() string {
	return a.DomainText() + ":" + a.BusText() + ":" + a.SlotText() + "." + a.FunctionText()
}

// DomainText is the domain as it stands in an address; so are the others.
func (a Address) DomainText() string { return fmt.Sprintf("%04x", a.Domain) }

// BusText is the bus, two digits.
func (a Address) BusText() string { return fmt.Sprintf("%02x", a.Bus) }

// SlotText is the slot, which attach handles call device, two digits.
func (a Address) SlotText() string { return fmt.Sprintf("%02x", a.Slot) }

// FunctionText is the function, one digit.
func (a Address) FunctionText() string { return fmt.Sprintf("%x", a.Function) }

// SameSlot says whether two functions are on one card.
func (a Address) SameSlot(b Address) bool {
	return a.Domain == b.Domain && a.Bus == b.Bus && a.Slot == b.Slot
}

// Compare orders addresses by number: domain, bus, slot, function.
func (a Address) Compare(b Address) int {
	return cmp.Or(
		cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Bus, b.Bus),
		cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Function, b.Function),
	)
}
