package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// screen gives the devices of a report that can be taken, and says why the
// others cannot. A card that sits where another one was proves that one gone, and one
// that sits elsewhere, by its serial number, that it is not where it was.
func (s *System) screen(ctx context.Context, r *report, out *reportOutcome) ([]foundDevice, error) {
	var good []foundDevice
	full := s.roomFor(r.host)
	paths, names := map[string]bool{}, map[string]bool{}
	refuse := func(d *protocol.Device, reason error) {
		place := d.ControlPath.Info
		if len(place) > protocol.MaxMessage { // which is why, perhaps
			place = strings.ToValidUTF8(place[:protocol.MaxMessage], "")
		}
		out.refused = append(out.refused, protocol.Refused{CPIDInfo: place, Reason: reason.Error()})
	}
	for i := range r.inv.Devices {
		d := &r.inv.Devices[i]
		if d.Stub {
			continue
		}
		err := d.Validate()
		if err == nil && paths[d.ControlPath.Info] {
			err = errTwice
		}
		paths[d.ControlPath.Info] = true
		if err == nil && full != nil && !s.addsNothing(r, d) {
			err = full
		}
		if err == nil {
			err = s.screenNames(r, d, names)
		}
		if err == nil {
			err = s.screenParts(r, d)
		}
		if err == nil {
			var failed error
			if err, failed = s.makeWay(ctx, r, d); failed != nil {
				return nil, failed
			}
		}
		if err != nil {
			refuse(d, err)
			continue
		}
		for j := range d.Deployables {
			names[d.Deployables[j].Name] = true
		}
		good = append(good, foundDevice{
			Device: d.Device, driver: d.Driver, serial: d.Serial, whole: s.seesWhole(r, d), at: r.at, session: r.inv.Session, boot: r.boot,
		})
	}
	return good, nil
}

var errTwice = errors.New("the device is reported twice")

// screenNames refuses names that are not the host's to give: a resource
// provider's uuid follows from its name, so it would take over somebody else's.
func (s *System) screenNames(r *report, d *protocol.Device, names map[string]bool) error {
	own := map[string]bool{}
	for i := range d.Deployables {
		dep := &d.Deployables[i]
		if names[dep.Name] || own[dep.Name] {
			return fmt.Errorf("the deployable %s is reported twice", dep.Name)
		}
		own[dep.Name] = true
		if err := checkName(r.names, dep.Name); err != nil {
			return err
		}
		if v, known := s.dir.provider(dep.ProviderUUID()); known {
			switch {
			case v.device.Hostname != r.host:
				return fmt.Errorf("the deployable %s is of the host %s", dep.Name, v.device.Hostname)
			case v.device.ControlPath.Info != d.ControlPath.Info:
				return fmt.Errorf("the deployable %s is of the device %s", dep.Name, v.device.ControlPath.Info)
			}
		}
	}
	return nil
}

// screenParts refuses a device that no record takes together with its parts that are on
// record and not reported: these go later, or never, if the driver does not see all.
func (s *System) screenParts(r *report, d *protocol.Device) error {
	known := s.dir.deviceAt(r.host, d.ControlPath.Info)
	if known == nil || !known.is(d) {
		return nil
	}
	var others []devices.Deployable
	for _, dep := range known.partsBeside(d) {
		other := devices.Deployable{Name: dep.Name, DriverName: dep.DriverName}
		for _, a := range dep.Attributes {
			other.Attributes = append(other.Attributes, devices.Attribute{Key: a.Key, Value: a.Value})
		}
		others = append(others, other)
	}
	if len(others) == 0 {
		return nil
	}
	return d.ValidateWith(others)
}

// partsBeside gives the parts on record of a device that a report of it lacks.
func (d *Device) partsBeside(report *protocol.Device) (parts []*Deployable) {
	reported := make(map[string]bool, len(report.Deployables))
	for i := range report.Deployables {
		reported[report.Deployables[i].Name] = true
	}
	for _, dep := range d.Deployables {
		if !reported[dep.Name] {
			parts = append(parts, dep)
		}
	}
	return parts
}

// checkName refuses the name of a deployable that is not the host's to give. It is
// one of the names that the agent has proven, and after that the place of a
// function: so node_1 cannot have what is node_1_b's, be that known or not.
func checkName(names []string, deployable string) error {
	begins := false
	for _, name := range names {
		place, own := strings.CutPrefix(deployable, name+"_")
		// The fake driver replaces what Placement might not like.
		fake, plain := strings.CutPrefix(deployable, plainName(name)+"_")
		if own && protocol.IsPlace(place) || plain && protocol.IsFakePlace(fake) {
			return nil
		}
		begins = begins || own || plain
	}
	if begins {
		return fmt.Errorf("the deployable %s: after the name of the host comes no address of a function", deployable)
	}
	return fmt.Errorf("the deployable %s does not begin with the name of the host", deployable)
}

func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, name)
}

// Why a card has to wait.
var (
	errOccupied = errors.New("another card was in its place, and somebody still has it")
	errMoved    = errors.New("the card was in another place, and somebody still has it there, or it is disabled there")
	errHidden   = errors.New("a card with its serial number was in another place, and may be there still")
)

// makeWay has devices go that a card proves gone: another one in whose place it sits,
// and that which it was itself in another place. It says why the card has to wait;
// nil: it need not.
func (s *System) makeWay(ctx context.Context, r *report, d *protocol.Device) (wait, failed error) {
	if known := s.dir.deviceAt(r.host, d.ControlPath.Info); known != nil {
		if known.is(d) {
			return nil, nil
		}
		if gone, err := s.vanish(ctx, known.UUID, true); err != nil || !gone {
			return errOccupied, err
		}
	}
	if d.Serial == "" {
		return nil, nil
	}
	for _, known := range s.devicesOf(r.host) {
		if known.Serial != d.Serial || !known.is(d) || r.reports(known) {
			continue
		}
		if !known.Missing && !r.shows(known) && !known.vanishes(r) {
			return errHidden, nil
		}
		if gone, err := s.vanish(ctx, known.UUID, false); err != nil || !gone {
			return errMoved, err
		}
	}
	return nil, nil
}

// reports says whether a card is reported where it is known to be.
func (r *report) reports(known *Device) bool {
	return slices.ContainsFunc(r.inv.Devices, func(f protocol.Device) bool {
		return f.ControlPath.Info == known.ControlPath.Info && known.is(&f)
	})
}

// seesWhole says whether a report shows all parts of a device that are there: one
// with which something is wrong may sit on another bus than the device itself.
func (s *System) seesWhole(r *report, d *protocol.Device) bool {
	if !r.seesAll(d.Driver, d.ControlPath) {
		return false
	}
	known := s.dir.deviceAt(r.host, d.ControlPath.Info)
	return known == nil || !slices.ContainsFunc(r.inv.Problems, func(p protocol.Problem) bool {
		return p.Kind != devices.ProblemGone && slices.ContainsFunc(known.Deployables, func(dep *Deployable) bool {
			return strings.HasSuffix(dep.Name, "_"+p.Where)
		})
	})
}

// is says whether a reported device is the card that is known at its place.
func (d *Device) is(found *protocol.Device) bool {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	return d.Type == found.Type && d.Vendor == found.Vendor &&
		!differ(productOf(d.StdBoardInfo), productOf(found.StdBoardInfo)) && !differ(d.Serial, found.Serial)
}

// productOf gives the product id that a driver has put on record; "": none.
func productOf(standard string) string {
	var v struct {
		Product string `json:"product_id"`
		Device  string `json:"device_id"`
	}
	if json.Unmarshal([]byte(standard), &v) != nil {
		return ""
	}
	if v.Product != "" {
		return v.Product
	}
	return v.Device
}

// withFakeOrigin gives built-in devices the form of reported ones.
func withFakeOrigin(found []devices.Device) []foundDevice {
	all := make([]foundDevice, len(found))
	for i := range found {
		all[i] = foundDevice{Device: found[i], whole: true}
	}
	return all
}
