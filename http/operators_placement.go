package http

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
)

// PlacementPath is where the operators' listener tells, device by device, how
// far the scheduler sees what there is.
const PlacementPath = "/placement"

// supplyView is a device on that page.
type supplyView struct {
	Device    uuid.UUID            `json:"device"`
	Hostname  string               `json:"hostname"`
	Root      *string              `json:"host_provider"` // its name; null: the device is leaving
	State     string               `json:"state"`
	Leaving   bool                 `json:"leaving"`
	Since     time.Time            `json:"since"`
	Tried     *time.Time           `json:"tried"` // null: not yet
	Failures  int                  `json:"failures"`
	Problem   *string              `json:"problem"` // null: none
	Providers map[uuid.UUID]string `json:"resource_providers"`
}

// placement shows the devices, with the parameters state, hostname and device
// those that are so.
func (o *Operators) placement(ctx *fasthttp.RequestCtx) {
	want := map[string]string{}
	for name, value := range ctx.QueryArgs().All() {
		if !slices.Contains([]string{"state", "hostname", "device"}, string(name)) {
			o.text(ctx, fasthttp.StatusBadRequest, fmt.Sprintf("unknown parameter %.40q: state, hostname and device are known\n", name))
			return
		}
		want[string(name)] = string(value)
	}
	views := []supplyView{}
	for _, s := range o.backend.Supplies() {
		is := map[string]string{"state": s.State.String(), "hostname": s.Host, "device": s.Device.String()}
		fits := true
		for name, value := range want {
			fits = fits && is[name] == value
		}
		if fits {
			views = append(views, viewSupply(s))
		}
	}
	body, err := json.Marshal(map[string]any{"devices": views})
	if err != nil {
		o.log.Error("the devices in Placement not encoded", "error", err)
		o.text(ctx, fasthttp.StatusInternalServerError, "internal error\n")
		return
	}
	ctx.SetContentTypeBytes(contentTypeJSON)
	ctx.SetBody(body)
}

func viewSupply(s *actors.SupplyStatus) supplyView {
	v := supplyView{
		Device: s.Device, Hostname: s.Host, State: s.State.String(), Leaving: s.Leaving,
		Since: s.Since.UTC().Truncate(time.Second), Failures: s.Failures, Providers: s.Providers,
	}
	if !s.Tried.IsZero() {
		tried := s.Tried.UTC().Truncate(time.Second)
		v.Tried = &tried
	}
	if s.Root != "" {
		v.Root = &s.Root
	}
	if s.Problem != "" {
		v.Problem = &s.Problem
	}
	return v
}
