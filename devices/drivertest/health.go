package drivertest

import (
	"testing"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fixture"
)

// testHealth examines the devices of a host where all is well, and one that is
// not there.
func (s *Subject) testHealth(t *testing.T) {
	t.Helper()
	d := s.New(t, s.root)
	for _, device := range discover(t, d).Devices {
		h, err := d.Health(t.Context(), device.ControlPath)
		if err != nil || h.State != devices.HealthOK {
			t.Errorf("%s: %+v, %v", device.ControlPath.Info, h, err)
		}
	}
	nowhere := devices.ControlPathID{Type: "PCI", Info: `{"bus": "fe", "device": "1f", "domain": "fffe", "function": "7"}`}
	if h, err := d.Health(t.Context(), nowhere); err == nil && h.State != devices.HealthGone {
		t.Errorf("a device that is not there: %+v", h)
	}
	if h, err := d.Health(t.Context(), devices.ControlPathID{Type: "PCI", Info: "rubbish"}); err == nil && h.State == devices.HealthOK {
		t.Errorf("rubbish is well: %+v", h)
	}
}

// sickness is what the attributes of functions may show.
var sickness = []struct {
	name   string
	files  map[string]string
	hidden []string // attributes that cannot be read
	state  devices.HealthState
	fatal  uint64 // errors counted
}{
	{"nothing can be read", nil, []string{"config", "aer_dev_fatal", "aer_dev_nonfatal", "current_link_width", "max_link_width"}, devices.HealthOK, 0},
	{"errors are counted", map[string]string{"aer_dev_fatal": "TOTAL_ERR_FATAL 3"}, nil, devices.HealthOK, 3},
	{"lanes are missing", map[string]string{"current_link_width": "1", "max_link_width": "16"}, nil, devices.HealthDegraded, 0},
	{"they do not answer", map[string]string{"config": "\xff\xff\xff\xff", "current_link_width": "1"}, nil, devices.HealthGone, 0},
}

// testSick examines the driver's devices as all of their functions sicken.
func (s *Subject) testSick(t *testing.T) {
	t.Helper()
	for _, sick := range sickness {
		host := fixture.Load(t, s.Host)
		for i := range host.Functions {
			f := &host.Functions[i]
			f.Unreadable = append(f.Unreadable, sick.hidden...)
			for name, text := range sick.files {
				if f.Files == nil {
					f.Files = make(map[string]string)
				}
				f.Files[name] = text
			}
		}
		d := s.New(t, host.Build(t))
		for _, device := range discover(t, d).Devices {
			h, err := d.Health(t.Context(), device.ControlPath)
			if err != nil || h.State != sick.state || h.Errors[devices.ErrorsFatal] != sick.fatal {
				t.Errorf("%s: %s: %+v, %v", sick.name, device.ControlPath.Info, h, err)
			}
			if (h.State != devices.HealthOK) != (len(h.Reasons) > 0) {
				t.Errorf("%s: %s for the reasons %q", sick.name, h.State, h.Reasons)
			}
		}
	}
}
