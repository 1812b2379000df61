// Package record puts inventory records together the way the reference does:
// its texts, byte for byte, since they are stored and compared as texts.
package record

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/sysfs"
)

// Name is the name of the deployable at an address of a host, and of its
// resource provider.
func Name(host string, a sysfs.Address) string { return host + "_" + a.String() }

// Field is a key of a JSON object and its text; a nil text is null.
type Field struct {
	Key  string
	Text *string
}

// Text makes a field.
func Text(key, text string) Field { return Field{key, &text} }

// Null makes a field without a value.
func Null(key string) Field { return Field{key, nil} }

// Object writes a JSON object in Python's default style, in the given order.
func Object(fields ...Field) string {
	var out strings.Builder
	out.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			out.WriteString(", ")
		}
		out.WriteString(quote(f.Key) + ": ")
		if f.Text == nil {
			out.WriteString("null")
		} else {
			out.WriteString(quote(*f.Text))
		}
	}
	out.WriteByte('}')
	return out.String()
}

// quote writes a string as Python's json.dumps does: ASCII only.
func quote(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r >= ' ' && r <= '~' || r == 0x7f:
			out.WriteRune(r)
		case strings.ContainsRune("\n\r\t\b\f", r):
			out.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// PCI is the text of an address; more fields may follow.
func PCI(a sysfs.Address, more ...Field) string {
	return Object(append([]Field{
		Text("bus", a.BusText()), Text("device", a.SlotText()),
		Text("domain", a.DomainText()), Text("function", a.FunctionText()),
	}, more...)...)
}

// ControlPath is the control path of the function at an address.
func ControlPath(a sysfs.Address) devices.ControlPathID {
	return devices.ControlPathID{Type: "PCI", Info: PCI(a)}
}

// Handle is the attach handle of the function at an address.
func Handle(a sysfs.Address, more ...Field) devices.AttachHandle {
	return devices.AttachHandle{Type: "PCI", Info: PCI(a, more...)}
}

// Attributes are a resource class and traits, each trait once.
func Attributes(class string, traits ...string) []devices.Attribute {
	all := []devices.Attribute{{Key: "rc", Value: class}}
	seen := make(map[string]bool)
	for _, t := range traits {
		if t = Trait(t); seen[t] {
			continue
		}
		seen[t] = true
		all = append(all, devices.Attribute{Key: "trait" + strconv.Itoa(len(seen)-1), Value: t})
	}
	return all
}

// Trait makes a name that Placement takes: capitals, digits and underscores.
func Trait(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToUpper(s))
}

// Card is what a device with one deployable and one handle consists of.
type Card struct {
	Type, Vendor, Model    string
	Standard, VendorsBoard string // std_board_info, vendor_board_info
	Driver                 string // driver_name
	Class                  string
	Traits                 []string
}

// At is the card at an address of a host.
func (c *Card) At(host string, a sysfs.Address) devices.Device {
	return c.Device(a, Deployable(host, a, c.Driver, Attributes(c.Class, c.Traits...)))
}

// Device is the card with other deployables.
func (c *Card) Device(a sysfs.Address, deployables ...devices.Deployable) devices.Device {
	return devices.Device{
		Type: c.Type, Vendor: c.Vendor, Model: c.Model,
		StdBoardInfo: c.Standard, VendorBoardInfo: c.VendorsBoard,
		ControlPath: ControlPath(a),
		Deployables: deployables,
	}
}

// Deployable is what one function offers: itself.
func Deployable(host string, a sysfs.Address, driver string, attributes []devices.Attribute) devices.Deployable {
	return devices.Deployable{
		Name: Name(host, a), DriverName: driver, NumAccelerators: 1,
		Attributes:    attributes,
		AttachHandles: []devices.AttachHandle{Handle(a)},
	}
}
