package actors

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// The devices of a host are those of all that are on it, in the same order, whatever
// came, changed and went.
func TestDevicesOfAHost(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	d := newDirectory()
	known := map[int]*Device{}
	for step := range 3000 {
		id := random.IntN(60)
		before, host := known[id], "h"+strconv.Itoa(id%4)
		next := &Device{ID: id, UUID: uuid.UUID{15: byte(id)}, Hostname: host, ControlPath: devices.ControlPathID{Info: strconv.Itoa(id)}}
		if before != nil && random.IntN(2) == 0 {
			next = nil
			delete(known, id)
		} else {
			known[id] = next
		}
		d.publish(&batch{devices: []change[Device]{{before, next}}})
		want := slices.DeleteFunc(d.allDevices(), func(d *Device) bool { return d.Hostname != host })
		if got := d.devicesOf(host); !slices.Equal(got, want) {
			t.Fatalf("step %d: %d devices of %s, want %d", step, len(got), host, len(want))
		}
	}
	for _, left := range known {
		d.publish(&batch{devices: []change[Device]{{left, nil}}})
	}
	if n := len(d.devices.byHost); n != 0 {
		t.Errorf("%d hosts are remembered without a device", n)
	}
}
