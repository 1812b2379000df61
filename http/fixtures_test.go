package http

import (
	"github.com/google/uuid"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/devices"
)

// 2026-11-23 15:17:35 UTC.
const noon = 1795447055

var (
	arq1     = uuid.MustParse("019aa000-0000-7000-8000-000000000001")
	arq2     = uuid.MustParse("019aa000-0000-7000-8000-000000000002")
	provider = uuid.MustParse("11111111-1111-4111-8111-111111111111")
	instance = uuid.MustParse("10000000-0000-4000-8000-000000000001")
	handle   = uuid.MustParse("22222222-2222-4222-8222-222222222222")
	profile1 = uuid.MustParse("aaaaaaaa-0000-4000-8000-000000000001")
	device1  = uuid.MustParse("dddddddd-0000-4000-8000-000000000001")
	device2  = uuid.MustParse("dddddddd-0000-4000-8000-000000000002")
	deploy1  = uuid.MustParse("eeeeeeee-0000-4000-8000-000000000001")
	deploy2  = uuid.MustParse("eeeeeeee-0000-4000-8000-000000000002")
	attrib1  = uuid.MustParse("bbbbbbbb-0000-4000-8000-000000000001")
	attrib2  = uuid.MustParse("bbbbbbbb-0000-4000-8000-000000000002")
	attrib3  = uuid.MustParse("bbbbbbbb-0000-4000-8000-000000000003")
	nobody   = "00000000-0000-4000-8000-00000000dead"
)

func initialARQ(id uuid.UUID) *actors.ARQ {
	return &actors.ARQ{
		UUID: id, ProjectID: "p-demo", CreatedAt: noon,
		Group: &actors.Group{ProfileUUID: profile1, ProfileName: "one", Index: 1},
	}
}

func boundARQ(id uuid.UUID) *actors.ARQ {
	a := initialARQ(id)
	a.State, a.UpdatedAt = actors.Bound, noon+1
	a.Binding = &actors.Binding{
		Hostname: "host", ProviderUUID: provider, InstanceUUID: instance,
		Handle: &actors.Handle{UUID: handle, Type: "PCI", Info: `{"domain": "0000", "bus": "0c"}`},
	}
	return a
}

const initialJSON = `{"uuid": "019aa000-0000-7000-8000-000000000001", "state": "Initial",
	"device_profile_name": "one", "device_profile_group_id": 1,
	"hostname": null, "device_rp_uuid": null, "instance_uuid": null, "project_id": "p-demo",
	"attach_handle_type": "", "attach_handle_uuid": null, "attach_handle_info": {},
	"links": [{"href": "http://arqd.test/accelerator/v2/accelerator_requests/019aa000-0000-7000-8000-000000000001",
		"rel": "self"}],
	"created_at": "2026-11-23T15:17:35+00:00", "updated_at": null}`

const boundJSON = `{"uuid": "019aa000-0000-7000-8000-000000000002", "state": "Bound",
	"device_profile_name": "one", "device_profile_group_id": 1,
	"hostname": "host", "device_rp_uuid": "11111111-1111-4111-8111-111111111111",
	"instance_uuid": "10000000-0000-4000-8000-000000000001", "project_id": "p-demo",
	"attach_handle_type": "PCI", "attach_handle_uuid": "22222222-2222-4222-8222-222222222222",
	"attach_handle_info": {"domain": "0000", "bus": "0c"},
	"links": [{"href": "http://arqd.test/accelerator/v2/accelerator_requests/019aa000-0000-7000-8000-000000000002",
		"rel": "self"}],
	"created_at": "2026-11-23T15:17:35+00:00", "updated_at": "2026-11-23T15:17:36+00:00"}`

func oneProfile() *actors.Profile {
	group := &actors.Group{ProfileUUID: profile1, ProfileName: "one", Requests: []actors.Request{
		{Key: "resources:FPGA", Value: "1"}, {Key: "trait:CUSTOM_FAKE_DEVICE", Value: "required"},
	}}
	return &actors.Profile{UUID: profile1, Seq: 1, Name: "one", Groups: []*actors.Group{group}, CreatedAt: noon}
}

// twoDevices are as the reference's fake driver has them: fakehost2 came first.
func twoDevices() []*actors.Device {
	return []*actors.Device{
		fakeDevice(1, device2, "fakehost2", deploy2),
		fakeDevice(2, device1, "fakehost", deploy1),
	}
}

func fakeDevice(id int, device uuid.UUID, host string, deployable uuid.UUID) *actors.Device {
	d := &actors.Device{
		ID: id, UUID: device, Hostname: host, Type: "FPGA", Vendor: "0xABCD", Model: "miss model info",
		StdBoardInfo: `{"device_id": "0xabcd"}`, VendorBoardInfo: "fake_vendor_info",
		ControlPath: devices.ControlPathID{Type: "PCI"}, CreatedAt: noon, UpdatedAt: noon + 1,
	}
	part := &actors.Deployable{
		ID: id, UUID: deployable, DeviceID: id, Name: host + "_FakeDevice", DriverName: "fake",
		NumAccelerators: 16, ProviderUUID: provider, CreatedAt: noon, UpdatedAt: noon + 1,
	}
	if id == 1 {
		part.Attributes = []*actors.Attribute{
			{ID: 1, UUID: attrib1, DeployableID: 1, Key: "traits1", Value: "CUSTOM_FAKE_DEVICE", CreatedAt: noon},
			{ID: 3, UUID: attrib3, DeployableID: 1, Key: "note", Value: `says "hi"`, CreatedAt: noon},
		}
	} else {
		part.Attributes = []*actors.Attribute{
			{ID: 2, UUID: attrib2, DeployableID: 2, Key: "rc", Value: "FPGA", CreatedAt: noon},
		}
	}
	d.Deployables = []*actors.Deployable{part}
	return d
}
