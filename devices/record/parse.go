package record

import (
	"encoding/json"
	"fmt"

	"github.com/arqd/arqd/devices/sysfs"
)

// ParsePCI reads the address out of the text of a control path or a handle.
func ParsePCI(info string) (sysfs.Address, error) {
	var v struct{ Domain, Bus, Device, Function string }
	if err := json.Unmarshal([]byte(info), &v); err != nil {
		return sysfs.Address{}, fmt.Errorf("%.100q is not the text of an address: %w", info, err)
	}
	return sysfs.ParseAddress(v.Domain + ":" + v.Bus + ":" + v.Device + "." + v.Function)
}

// ParseMdev reads the handle of a mediated device: the function it is made on,
// and its type.
func ParseMdev(info string) (at sysfs.Address, mdevType string, err error) {
	if at, err = ParsePCI(info); err != nil {
		return at, "", err
	}
	var v struct {
		AskedType string `json:"asked_type"`
	}
	if err := json.Unmarshal([]byte(info), &v); err != nil || v.AskedType == "" {
		return at, "", fmt.Errorf("%.100q names no type of mediated device", info)
	}
	return at, v.AskedType, nil
}
