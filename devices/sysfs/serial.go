package sysfs

import (
	"strings"
	"unicode"
)

// Serial gives the serial number of the card at an address, as far as the kernel
// shows it to everybody: that of disks which its nvme driver has. "": it does not
// say.
func (b *Bus) Serial(a Address) string {
	f := Function{Address: a, bus: b}
	for _, file := range f.Glob("nvme/nvme*/serial") {
		if text, err := f.Read(file); err == nil {
			return strings.Map(func(r rune) rune {
				if unicode.IsPrint(r) {
					return r
				}
				return -1
			}, strings.ToValidUTF8(text, ""))
		}
	}
	return ""
}
