package pci

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/arqd/arqd/devices/sysfs"
)

// parseAddress reads the key address: a string with wildcards, or an object of
// regular expressions. It gives nil for one that leaves everything open.
func parseAddress(raw json.RawMessage) (func(sysfs.Address) bool, error) {
	if raw == nil {
		return nil, nil //nolint:nilnil // no condition
	}
	var glob *string
	if err := json.Unmarshal(raw, &glob); err == nil && glob != nil {
		if strings.TrimSpace(*glob) == "" {
			return nil, nil //nolint:nilnil // no condition
		}
		return parseGlob(*glob)
	}
	var fields map[string]string
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("address is neither a string nor an object of strings: %.80s", raw)
	}
	return parseExpressions(fields)
}

// parseGlob reads domain:bus:slot.function. A field that is * or empty may be
// anything, and so may fields left out on the left: ":0a:00.", "0a:00".
func parseGlob(glob string) (func(sysfs.Address) bool, error) {
	path, function, _ := strings.Cut(glob, ".")
	fields := strings.Split(path, ":")
	if len(fields) > 3 {
		return nil, fmt.Errorf("address %.80q has more than domain, bus and slot before the dot", glob)
	}
	for len(fields) < 3 {
		fields = append([]string{"*"}, fields...)
	}
	fields = append(fields, function)
	most := []uint64{0xffffffff, 0xff, 0x1f, 0x7}
	var want [4]*uint64
	for i, name := range []string{"domain", "bus", "slot", "function"} {
		field := strings.TrimSpace(fields[i])
		if field == "" || field == "*" {
			continue
		}
		n, err := strconv.ParseUint(field, 16, 32)
		if err != nil || n > most[i] {
			return nil, fmt.Errorf("address %.80q: %s %.80q is not a number from 0 to %x in hexadecimal digits", glob, name, field, most[i])
		}
		want[i] = &n
	}
	return func(a sysfs.Address) bool {
		for i, have := range []uint64{uint64(a.Domain), uint64(a.Bus), uint64(a.Slot), uint64(a.Function)} {
			if want[i] != nil && *want[i] != have {
				return false
			}
		}
		return true
	}, nil
}

// parseExpressions reads regular expressions, which match the beginning of
// their field: "0" means the buses 05 and 0a.
func parseExpressions(fields map[string]string) (func(sysfs.Address) bool, error) {
	var want [4]*regexp.Regexp
	for i, name := range []string{"domain", "bus", "slot", "function"} {
		text, found := fields[name]
		if !found {
			continue
		}
		// By itself first: in brackets, a bracket too many could become a good one.
		if _, err := regexp.Compile(text); err != nil {
			return nil, fmt.Errorf("address: %s: %w (look-around and back-references are not supported)", name, err)
		}
		want[i] = regexp.MustCompile("^(?:" + text + ")")
	}
	return func(a sysfs.Address) bool {
		for i, have := range []string{a.DomainText(), a.BusText(), a.SlotText(), a.FunctionText()} {
			if want[i] != nil && !want[i].MatchString(have) {
				return false
			}
		}
		return true
	}, nil
}
