package actors

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// HostCheck says what to do when an ARQ is bound to a host that is not its
// device's: the address of a device of one host would be given to a guest of
// another.
type HostCheck uint8

// The values of [arqd]host_check.
const (
	HostCheckEnforce HostCheck = iota
	HostCheckWarn
	HostCheckOff
)

// resourceClass is the class of the deployable's inventory: its attribute rc.
func (d *Deployable) resourceClass() string {
	for _, a := range d.Attributes {
		if a.Key == "rc" {
			return a.Value
		}
	}
	return ""
}

// traits are the values of the attributes whose key begins with "trait", and
// what the image does that was loaded.
func (d *Deployable) traits() []string {
	var traits []string
	for _, a := range d.Attributes {
		old := a.Reported && slices.Contains(d.Overwritten, a.Value)
		if strings.HasPrefix(a.Key, "trait") && !old {
			traits = append(traits, a.Value)
		}
	}
	if t := d.functionTrait(); t != "" && !slices.Contains(traits, t) {
		traits = append(traits, t)
	}
	return traits
}

// fits says why a group may not be served by a deployable; nil: it may.
func (d *Deployable) fits(g *Group) error {
	if classes := g.ResourceClasses(); len(classes) > 0 && !slices.Contains(classes, d.resourceClass()) {
		offered := d.resourceClass()
		if offered == "" {
			offered = "no resource class"
		}
		return Refuse(CodeConflict, "the request wants %s, the deployable %s offers %s",
			strings.Join(classes, " or "), d.Name, offered)
	}
	traits := d.traits()
	for _, t := range g.RequiredTraits() {
		if !slices.Contains(traits, t) {
			return Refuse(CodeConflict, "the request requires the trait %s, which the deployable %s has not", t, d.Name)
		}
	}
	for _, t := range g.ForbiddenTraits() {
		if slices.Contains(traits, t) {
			return Refuse(CodeConflict, "the request forbids the trait %s, which the deployable %s has", t, d.Name)
		}
	}
	return nil
}

// Keys of a group that ask for an FPGA image.
const (
	keyBitstream = "accel:bitstream_id"
	keyFunction  = "accel:function_id"
)

// image gives the bitstream that a group asks for; the zero uuid: none. found
// has the images of functions; nil: there is no image service.
func (g *Group) image(found map[string]uuid.UUID) (uuid.UUID, error) {
	function, wanted := g.value(keyFunction), g.value(keyBitstream)
	switch {
	case function != "" && wanted != "":
		return uuid.Nil, Refuse(CodeConflict, "the device profile %s names an image both by %s and by %s", g.ProfileName, keyFunction, keyBitstream)
	case function != "" && found == nil:
		return uuid.Nil, Refuse(CodeConflict,
			"%s needs the image service, which is not configured; name the image with %s", keyFunction, keyBitstream)
	case function != "":
		id, ok := found[function]
		if !ok { // the ARQ was not there yet when images were looked up
			return uuid.Nil, errStale
		}
		return id, nil
	case wanted == "":
		return uuid.Nil, nil
	}
	id, ok := parseUUID(wanted)
	if !ok {
		return uuid.Nil, Refuse(CodeConflict, "%s of the device profile %s is not a uuid", keyBitstream, g.ProfileName)
	}
	return id, nil
}

// value gives the value of a key; "": the group does not have it.
func (g *Group) value(key string) string {
	for _, q := range g.Requests {
		if q.Key == key {
			return q.Value
		}
	}
	return ""
}

// clone copies a device so that a change leaves published views alone.
func (d *Device) clone(now int64) *Device {
	c := *d
	c.UpdatedAt = now
	c.Deployables = make([]*Deployable, len(d.Deployables))
	for i, dep := range d.Deployables {
		copied := *dep
		copied.Attributes = slices.Clone(dep.Attributes)
		c.Deployables[i] = &copied
	}
	return &c
}

func (d *Device) deployable(id uuid.UUID) *Deployable {
	for _, dep := range d.Deployables {
		if dep.UUID == id {
			return dep
		}
	}
	return nil
}

// named gives the deployable with a name; nil: the device has none such.
func (d *Device) named(name string) *Deployable {
	if i := slices.IndexFunc(d.Deployables, func(dep *Deployable) bool { return dep.Name == name }); i >= 0 {
		return d.Deployables[i]
	}
	return nil
}

// command makes a command for this device.
func (d *Device) command(kind devices.CommandKind, dep *Deployable) devices.Command {
	return devices.Command{
		ID: uuid.Must(uuid.NewV7()), Kind: kind, Host: d.Hostname, Device: d.ControlPath,
		Deployable: dep.Name, DriverName: dep.DriverName,
	}
}
