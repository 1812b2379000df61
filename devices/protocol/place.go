package protocol

import (
	"regexp"

	"github.com/arqd/arqd/devices/sysfs"
)

// fakePlace is what fake devices have in place of an address.
var fakePlace = regexp.MustCompile(`^FakeDevice(_[0-9]+)?$`)

// IsPlace says whether a text is what the name of a deployable has after that of its
// host: the address of a function, or what a fake device has in its place.
func IsPlace(s string) bool {
	_, err := sysfs.ParseAddress(s)
	return err == nil || IsFakePlace(s)
}

// IsFakePlace says whether it is that of a fake device.
func IsFakePlace(s string) bool { return fakePlace.MatchString(s) }
