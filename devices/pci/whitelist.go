package pci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/arqd/arqd/devices/sysfs"
)

// Whitelist says which functions may be given to guests.
type Whitelist []Entry

// Entry matches functions. What it does not name may be anything.
type Entry struct {
	vendor, product *uint16
	address         func(sysfs.Address) bool
	devname         string
	text            string // as it was written
}

// ParseWhitelist reads one value of the option: a JSON object or a list of
// them.
func ParseWhitelist(text string) (Whitelist, error) {
	var objects []json.RawMessage
	trimmed := bytes.TrimSpace([]byte(text))
	if len(trimmed) > 0 && trimmed[0] == '[' {
		if err := json.Unmarshal(trimmed, &objects); err != nil {
			return nil, fmt.Errorf("is not JSON: %w", err)
		}
	} else {
		objects = []json.RawMessage{trimmed}
	}
	var all Whitelist
	for _, object := range objects {
		entry, err := parseEntry(object)
		if err != nil {
			return nil, err
		}
		all = append(all, entry)
	}
	return all, nil
}

func parseEntry(object json.RawMessage) (Entry, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(object, &keys); err != nil {
		return Entry{}, fmt.Errorf("%.80q is not a JSON object: %w", object, err)
	}
	if keys == nil {
		return Entry{}, errors.New("null is not a JSON object")
	}
	e := Entry{text: string(object)}
	var err error
	if e.vendor, err = parseID(keys, "vendor_id"); err != nil {
		return e, err
	}
	if e.product, err = parseID(keys, "product_id"); err != nil {
		return e, err
	}
	if e.devname, err = parseDevname(keys); err != nil {
		return e, err
	}
	e.address, err = parseAddress(keys["address"])
	if err == nil && e.address != nil && e.devname != "" {
		err = errors.New("address and devname exclude each other")
	}
	return e, err // other keys are tags for others
}

// parseText reads a key that holds a string; an absent one is "".
func parseText(keys map[string]json.RawMessage, name string) (string, error) {
	raw, found := keys[name]
	if !found {
		return "", nil
	}
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil || text == nil {
		return "", fmt.Errorf("%s is not a string: %.80s", name, raw)
	}
	return strings.TrimSpace(*text), nil
}

// parseID reads a vendor or product; nil is any.
func parseID(keys map[string]json.RawMessage, name string) (*uint16, error) {
	text, err := parseText(keys, name)
	if err != nil || text == "" || text == "*" {
		return nil, err
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(text), "0x"), 16, 16)
	if err != nil {
		return nil, fmt.Errorf("%s %.80q is not a number from 0 to ffff in hexadecimal digits", name, text)
	}
	id := uint16(n)
	return &id, nil
}

func parseDevname(keys map[string]json.RawMessage) (string, error) {
	name, err := parseText(keys, "devname")
	if err == nil && (strings.ContainsAny(name, "/ \t\x00") || strings.HasPrefix(name, ".")) {
		err = fmt.Errorf("devname %.80q is not the name of a network interface", name)
	}
	return name, err
}

// matches says whether an entry means the function, taken to be at a.
func (e *Entry) matches(bus *sysfs.Bus, f *sysfs.Function, a sysfs.Address) bool {
	switch {
	case e.vendor != nil && *e.vendor != f.Vendor, e.product != nil && *e.product != f.Device:
		return false
	case e.address != nil:
		return e.address(a)
	case e.devname != "":
		at, ok := bus.Netdev(e.devname)
		return ok && at == a
	default:
		return true
	}
}
