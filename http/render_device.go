package http

import (
	"strconv"

	"github.com/arqd/arqd/actors"
)

const (
	devicePath     = "/accelerator/v2/devices/"
	deployablePath = "/accelerator/v2/deployables/"
	// bookmarkPath is the version-less twin that deployables alone have.
	bookmarkPath  = "/accelerator/deployables/"
	attributePath = "/accelerator/v2/attributes/"
)

func appendDevice(dst []byte, d *actors.Device, base []byte, minor int) []byte {
	dst = append(dst, `{"uuid": `...)
	dst = appendQuotedUUID(dst, d.UUID)
	for _, member := range [...]struct{ name, value string }{
		{`, "type": `, d.Type},
		{`, "vendor": `, d.Vendor},
		{`, "model": `, d.Model},
		{`, "std_board_info": `, d.StdBoardInfo},
		{`, "vendor_board_info": `, d.VendorBoardInfo},
		{`, "hostname": `, d.Hostname},
	} {
		dst = append(dst, member.name...)
		dst = appendString(dst, member.value)
	}
	if minor >= minorDeviceStatus {
		dst = append(dst, `, "status": "`...)
		dst = append(dst, deviceStatus(d)...)
		dst = append(dst, '"')
	}
	dst = append(dst, ", "...)
	dst = appendLinks(dst, base, devicePath, d.UUID)
	dst = appendReportedTimes(dst, d.CreatedAt, d.UpdatedAt)
	return append(dst, '}')
}

func deviceStatus(d *actors.Device) string {
	if d.Maintaining() {
		return "maintaining"
	}
	return "enabled"
}

// appendReportedTimes appends the times of what an agent reports: the
// reference updates such a row with the first report after it, so clients
// always see both.
func appendReportedTimes(dst []byte, created, updated int64) []byte {
	if updated == 0 {
		updated = created
	}
	dst = append(dst, `, "created_at": `...)
	dst = appendTime(dst, created)
	dst = append(dst, `, "updated_at": `...)
	return appendTime(dst, updated)
}

func appendDeployable(dst []byte, d *actors.Deployable, base []byte) []byte {
	dst = append(dst, `{"uuid": `...)
	dst = appendQuotedUUID(dst, d.UUID)
	dst = append(dst, `, "parent_id": null, "root_id": null, "name": `...)
	dst = appendString(dst, d.Name)
	dst = append(dst, `, "num_accelerators": `...)
	dst = strconv.AppendInt(dst, int64(d.NumAccelerators), 10)
	dst = append(dst, `, "device_id": `...)
	dst = strconv.AppendInt(dst, int64(d.DeviceID), 10)
	dst = append(dst, `, "attributes_list": `...)
	dst = appendString(dst, attributesList(d.Attributes))
	dst = append(dst, `, "rp_uuid": `...)
	dst = appendQuotedUUID(dst, d.ProviderUUID)
	dst = append(dst, `, "driver_name": `...)
	dst = appendString(dst, d.DriverName)
	dst = append(dst, `, "bitstream_id": `...)
	dst = appendUUIDOrNull(dst, d.BitstreamID)
	dst = append(dst, `, "links": [`...)
	dst = appendLink(dst, base, deployablePath, d.UUID, "self")
	dst = append(dst, ", "...)
	dst = appendLink(dst, base, bookmarkPath, d.UUID, "bookmark")
	dst = append(dst, ']')
	dst = appendReportedTimes(dst, d.CreatedAt, d.UpdatedAt)
	return append(dst, '}')
}

// attributesList is JSON which the API shows as text, spaced as Python does it.
func attributesList(attributes []*actors.Attribute) string {
	b := []byte{'['}
	for i, a := range attributes {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, '{')
		b = appendString(b, a.Key)
		b = append(b, ": "...)
		b = appendString(b, a.Value)
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

func appendAttribute(dst []byte, a *actors.Attribute, base []byte) []byte {
	dst = append(dst, `{"uuid": `...)
	dst = appendQuotedUUID(dst, a.UUID)
	dst = append(dst, `, "deployable_id": `...)
	dst = strconv.AppendInt(dst, int64(a.DeployableID), 10)
	dst = append(dst, `, "key": `...)
	dst = appendString(dst, a.Key)
	dst = append(dst, `, "value": `...)
	dst = appendString(dst, a.Value)
	dst = append(dst, `, "created_at": `...)
	dst = appendTime(dst, a.CreatedAt)
	dst = append(dst, `, "updated_at": null, `...)
	dst = appendLinks(dst, base, attributePath, a.UUID)
	return append(dst, '}')
}
