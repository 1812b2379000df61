package agent

import (
	"encoding/json"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// MarshalJSON gives {"drivers": {NAME: {"devices", "problems", "error"}}},
// error being null or a sentence. Each deployable also has its resource
// provider's uuid, rp_uuid.
func (inv Inventory) MarshalJSON() ([]byte, error) {
	type entry struct {
		Devices  []deviceDocument  `json:"devices"`
		Problems []devices.Problem `json:"problems"`
		Error    *string           `json:"error"`
	}
	drivers := make(map[string]entry, len(inv))
	for _, r := range inv {
		e := entry{Devices: make([]deviceDocument, len(r.Devices)), Problems: r.Problems}
		for i := range r.Devices {
			e.Devices[i] = newDeviceDocument(&r.Devices[i])
		}
		if e.Problems == nil {
			e.Problems = []devices.Problem{}
		}
		if r.Err != nil {
			text := r.Err.Error()
			e.Error = &text
		}
		drivers[r.Driver] = e
	}
	return json.Marshal(map[string]any{"drivers": drivers})
}

// deviceDocument is a device whose deployables have one key more.
type deviceDocument struct {
	devices.Device
	Deployables []deployableDocument `json:"deployables"`
}

type deployableDocument struct {
	devices.Deployable
	ProviderUUID uuid.UUID `json:"rp_uuid"`
}

func newDeviceDocument(d *devices.Device) deviceDocument {
	doc := deviceDocument{Device: *d, Deployables: make([]deployableDocument, len(d.Deployables))}
	for i, dep := range d.Deployables {
		doc.Deployables[i] = deployableDocument{dep, dep.ProviderUUID()}
	}
	return doc
}
