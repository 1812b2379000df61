package http

import (
	"bytes"
	"strconv"

	"github.com/arqd/arqd/actors"
)

const arqPath = "/accelerator/v2/accelerator_requests/"

// appendARQ appends an ARQ. It allocates nothing but room in dst: it is called
// for every element of lists of 100,000.
func appendARQ(dst []byte, a *actors.ARQ, base []byte) []byte {
	dst = append(dst, `{"uuid": "`...)
	id := len(dst)
	dst = appendUUID(dst, a.UUID)
	dst = append(dst, `", "state": "`...)
	dst = append(dst, a.State.String()...)
	dst = append(dst, `", "device_profile_name": `...)
	dst = appendString(dst, a.Group.ProfileName)
	dst = append(dst, `, "device_profile_group_id": `...)
	dst = strconv.AppendInt(dst, int64(a.Group.Index), 10)
	dst = appendBinding(dst, a.Binding)
	dst = append(dst, `, "project_id": `...)
	dst = appendString(dst, a.ProjectID)
	dst = appendHandle(dst, a.AttachHandle())
	dst = append(dst, `, "links": [{"href": "`...)
	dst = append(dst, base...)
	dst = append(dst, arqPath...)
	dst = append(dst, dst[id:id+uuidLength]...) // the same text again
	dst = append(dst, `", "rel": "self"}], "created_at": `...)
	dst = appendTime(dst, a.CreatedAt)
	dst = append(dst, `, "updated_at": `...)
	dst = appendTimeOrNull(dst, a.UpdatedAt)
	return append(dst, '}')
}

// lastARQ is the ARQ that a list has last, and where its text is. ARQs that are
// made in bulk differ from their neighbours in nothing but the uuid: then the
// text is copied and the uuid put in, which is three times as fast.
type lastARQ struct {
	arq   *actors.ARQ
	begin int // of its text in the list
	end   int
	link  int // where the uuid stands the second time, from begin; 0: not looked for yet
}

// append appends an ARQ to the list. Nothing else may take from it meanwhile.
func (l *lastARQ) append(list []byte, a *actors.ARQ, base []byte) []byte {
	begin := len(list)
	if l.arq == nil || !alike(l.arq, a) {
		list = appendARQ(list, a, base)
		*l = lastARQ{arq: a, begin: begin, end: len(list)}
		return list
	}
	text := list[l.begin:l.end]
	const first = len(`{"uuid": "`)
	if l.link == 0 {
		l.link = bytes.LastIndex(text, text[first:first+uuidLength])
	}
	list = append(list, text...)
	id := appendUUID(list[:begin+first], a.UUID)[begin+first:]
	copy(list[begin+l.link:], id)
	l.begin, l.end = begin, len(list)
	return list
}

// alike tells whether the texts of two ARQs differ in nothing but the uuid.
func alike(a, b *actors.ARQ) bool {
	return a.Binding == nil && b.Binding == nil && a.State == b.State && a.Group == b.Group &&
		a.CreatedAt == b.CreatedAt && a.UpdatedAt == b.UpdatedAt && a.ProjectID == b.ProjectID
}

func appendBinding(dst []byte, b *actors.Binding) []byte {
	if b == nil {
		return append(dst, `, "hostname": null, "device_rp_uuid": null, "instance_uuid": null`...)
	}
	dst = append(dst, `, "hostname": `...)
	dst = appendString(dst, b.Hostname)
	dst = append(dst, `, "device_rp_uuid": `...)
	dst = appendQuotedUUID(dst, b.ProviderUUID)
	dst = append(dst, `, "instance_uuid": `...)
	return appendQuotedUUID(dst, b.InstanceUUID)
}

func appendHandle(dst []byte, h *actors.Handle) []byte {
	if h == nil {
		return append(dst, `, "attach_handle_type": "", "attach_handle_uuid": null, "attach_handle_info": {}`...)
	}
	dst = append(dst, `, "attach_handle_type": `...)
	dst = appendString(dst, h.Type)
	dst = append(dst, `, "attach_handle_uuid": `...)
	dst = appendQuotedUUID(dst, h.UUID)
	dst = append(dst, `, "attach_handle_info": `...)
	return appendObject(dst, h.Info)
}

// appendObject appends a JSON object that was checked when it was stored.
func appendObject(dst []byte, text string) []byte {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return append(dst, "{}"...)
	}
	return append(dst, text...)
}
