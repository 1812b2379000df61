package actors

import (
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// What a handle needs beside an image: a command before its guest gets it, and
// one after the guest has given it back. Which, says its type, or the deployable.

const (
	handleTypeMdev = "MDEV"
	handleTypePCI  = "PCI"
)

// vgpuType gives the type that the virtual function behind a handle has to get;
// "": none. Only the host can say so.
func (d *Deployable) vgpuType() string {
	i := slices.IndexFunc(d.Attributes, func(a *Attribute) bool { return a.Reported && a.Key == devices.AttributeVGPUType })
	if i < 0 {
		return ""
	}
	return d.Attributes[i].Value
}

// undoOf says what is to be done when a handle is given back.
func (a *deviceActor) undoOf(h *heldHandle) commandKindCode {
	return a.dev.undoOf(h, a.sys.opts.NovaMakesMdevs)
}

func (d *Device) undoOf(h *heldHandle, novaMakesMdevs bool) commandKindCode {
	dep := d.deployable(h.Deployable)
	switch {
	case dep == nil:
		return undoNothing
	case h.Type == handleTypeMdev && !novaMakesMdevs:
		return undoMdev
	case h.Type == handleTypePCI && dep.vgpuType() != "":
		return undoVGPU
	}
	return undoNothing
}

// making gives the command that makes what a guest gets with a handle; false:
// none is needed.
func (a *deviceActor) making(h *heldHandle) (c devices.Command, needed bool) {
	dep := a.dev.deployable(h.Deployable)
	if a.dev.Missing {
		return c, false
	}
	switch a.undoOf(h) {
	case undoMdev:
		c = a.dev.command(devices.CreateMdev, dep)
	case undoVGPU:
		c = a.dev.command(devices.SetVGPUType, dep)
		c.VGPUType = dep.vgpuType()
	default:
		return c, false
	}
	c.Handle, c.HandleInfo = h.UUID, h.Info
	return c, true
}

// undoing gives the command that a releasing handle waits for; false: none. So it is
// with a device that is missing: its driver may not be enabled any more. What is not
// there is done at once.
func (a *deviceActor) undoing(h *heldHandle) (c devices.Command, needed bool) {
	dep := a.dev.deployable(h.Deployable)
	if dep == nil {
		return c, false
	}
	switch h.Undo {
	case undoMdev:
		c = a.dev.command(devices.RemoveMdev, dep)
	case undoVGPU:
		c = a.dev.command(devices.SetVGPUType, dep)
		c.VGPUType = devices.NoVGPU
	default:
		return c, false
	}
	c.Handle, c.HandleInfo, c.Undoes = h.UUID, h.Info, a.makers[h.UUID]
	return c, true
}

// makes says whether a command makes what a guest gets with a handle.
func makes(c *devices.Command) bool {
	return c.Kind == devices.CreateMdev || c.Kind == devices.SetVGPUType && c.VGPUType != devices.NoVGPU
}

// plan gives the commands that must succeed before guests can use the handles.
func (a *deviceActor) plan(wants []handleWant, picked []*heldHandle) ([]devices.Command, error) {
	var commands []devices.Command
	images := map[uuid.UUID]uuid.UUID{} // by deployable
	for i, w := range wants {
		dep := a.dev.deployable(w.deployable)
		image := w.image
		if other, seen := images[dep.UUID]; seen && other != image {
			return nil, Refuse(CodeConflict, "the deployable %s cannot hold two images", dep.Name)
		} else if !seen && image != uuid.Nil && (image != dep.BitstreamID || a.startedSince()) {
			if _, joins := a.jobs.loading(dep.UUID); !joins && a.sets[dep.UUID].ntaken > 0 {
				return nil, Refuse(CodeConflict, "the deployable %s is in use with another image", dep.Name)
			}
			c := a.dev.command(devices.ProgramFPGA, dep)
			c.Image = image
			commands = append(commands, c)
		}
		images[dep.UUID] = image
		if c, needed := a.making(picked[i]); needed {
			commands = append(commands, c)
		}
	}
	return commands, nil
}
