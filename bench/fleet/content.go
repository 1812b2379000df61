package fleet

import (
	"fmt"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// driver is the one that the agents have: that of Nvidia's cards.
const driver = "nvidia_gpu_driver"

// contentOf makes up the cards of a host, as that driver reports them.
func contentOf(host string, cards, handles int) protocol.Content {
	c := protocol.Content{Complete: map[string]bool{driver: true}}
	for n := range cards {
		domain, bus := fmt.Sprintf("%04x", n>>7), fmt.Sprintf("%02x", n<<1&0xff)
		d := devices.Device{
			Type: "GPU", Vendor: "10de", Model: "NVIDIA Corporation GH100 [H200 SXM 141GB]",
			StdBoardInfo:    `{"product_id": "2335", "controller": "3D controller"}`,
			VendorBoardInfo: `{"vendor_info": "gpu_vb_info"}`,
			ControlPath:     devices.ControlPathID{Type: "PCI", Info: pci(domain, bus, 0)},
			Deployables: []devices.Deployable{{
				Name: host + "_" + domain + ":" + bus + ":00.0", DriverName: "NVIDIA", NumAccelerators: handles,
				Attributes: []devices.Attribute{
					{Key: "rc", Value: "PGPU"}, {Key: "trait0", Value: "OWNER_CYBORG"}, {Key: "trait1", Value: "CUSTOM_NVIDIA_2335"},
				},
			}},
		}
		for h := range handles {
			d.Deployables[0].AttachHandles = append(d.Deployables[0].AttachHandles,
				devices.AttachHandle{Type: "PCI", Info: pci(domain, bus, h)})
		}
		c.Devices = append(c.Devices, protocol.Device{Driver: driver, Device: d})
	}
	return c
}

func pci(domain, bus string, n int) string {
	return fmt.Sprintf(`{"bus": %q, "device": "%02x", "domain": %q, "function": "%d"}`, bus, n>>3, domain, n&7)
}
