package actors

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// An FPGA has lost its image when its host was started again, or when it fell off
// its bus and returned. A guest that had it has to find it again: the image is loaded
// once more, as mediated devices are made anew. Until it is, the device is in
// quarantine, because its guests may run without what they were promised; once none of
// them has anything of it, the image is not wanted any more.

// LostImage is an image that ARQs had of a deployable when it was lost.
type LostImage struct {
	Image   uuid.UUID
	Holders []uuid.UUID // sorted
}

// reloadPause is how long an image that could not be loaded again waits.
const reloadPause = 30 * time.Second

// loseImages takes note that no deployable of a device has its image any more, nor what
// is being loaded, and gives what puts it on record: not if somebody gets an image
// meanwhile that is lost, and who would not be among those who miss it.
func (a *deviceActor) loseImages(next *Device) *batch {
	b := relief()
	for _, dep := range next.Deployables {
		dep.Outdated = dep.Loading
		if dep.BitstreamID == uuid.Nil {
			continue
		}
		b.checkHandles(a.set(dep.UUID).vacant())
		if holders := a.holdersOf(dep.UUID); len(holders) > 0 {
			dep.Lost = &LostImage{dep.BitstreamID, holders}
			a.sys.log.Error("the image that guests have may be gone from their FPGA; it is loaded again",
				"host", next.Hostname, "deployable", dep.Name, "image", dep.BitstreamID, "holders", len(holders), "arqs", holders[:min(len(holders), flaggedInLog)])
		}
		dep.loaded(uuid.Nil, "")
		dep.UpdatedAt = next.UpdatedAt
	}
	if next.judgeLoads(false, nil) {
		a.sys.showHealth(next)
	}
	b.putDevice(a.dev, next)
	return b
}

// holdersOf gives the ARQs that have something of a deployable, sorted.
func (a *deviceActor) holdersOf(dep uuid.UUID) []uuid.UUID {
	var all []uuid.UUID
	for _, h := range a.set(dep).handles {
		if h != nil && h.State == handleTaken {
			all = append(all, h.Holder)
		}
	}
	slices.SortFunc(all, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return all
}

// misses says whether somebody has something of a deployable whose image he had and
// is lost.
func (a *deviceActor) misses(dep *Deployable) bool {
	return dep.Lost != nil && slices.ContainsFunc(a.holdersOf(dep.UUID), dep.Lost.of)
}

// othersHave says whether somebody has something of it who got it without the image,
// because an operator found that good: it is not loaded under him.
func (a *deviceActor) othersHave(dep *Deployable) bool {
	return slices.ContainsFunc(a.holdersOf(dep.UUID), func(id uuid.UUID) bool { return !dep.Lost.of(id) })
}

// of says whether an ARQ had the image.
func (l *LostImage) of(arq uuid.UUID) bool { return slices.Contains(l.Holders, arq) }

// notMissed gives the device as it is when nobody wants an image any more that it has
// lost; nil: it is so.
func (a *deviceActor) notMissed() *Device {
	void := func(dep *Deployable) bool { return dep.Lost != nil && !a.misses(dep) }
	if a.changing() || !slices.ContainsFunc(a.dev.Deployables, void) {
		return nil
	}
	next := a.dev.clone(a.sys.unix())
	for _, dep := range next.Deployables {
		if void(dep) {
			dep.Lost, dep.UpdatedAt = nil, next.UpdatedAt
		}
	}
	next.judgeLoads(false, nil)
	a.sys.showHealth(next)
	return next
}

// reload loads an image again that guests miss.
func (a *deviceActor) reload() {
	if a.writing || a.left || a.awaited || a.dev.Missing {
		return
	}
	for _, dep := range a.dev.Deployables {
		again := reloadingOf(dep)
		if _, busy := a.jobs.loading(dep.UUID); busy || a.chores[again] || !a.misses(dep) || a.othersHave(dep) || a.promised(dep.UUID) {
			continue
		}
		c := a.dev.command(devices.ProgramFPGA, dep)
		c.Image = dep.Lost.Image
		a.chores[again] = true
		a.jobs.add(a, &job{
			commands: []devices.Command{c},
			programs: map[uuid.UUID]uuid.UUID{dep.UUID: c.Image},
			then:     func(err error) { a.reloaded(dep, err) },
		})
	}
}

// promised says whether somebody may get something of a deployable yet.
func (a *deviceActor) promised(dep uuid.UUID) bool {
	of := func(c change[heldHandle]) bool { return c.before.Deployable == dep }
	return slices.ContainsFunc(a.offers, func(o *deviceOffer) bool { return slices.ContainsFunc(o.taken, of) })
}

func (a *deviceActor) reloaded(dep *Deployable, err error) {
	if err == nil {
		a.sys.log.Info("the image that guests had is loaded again", "host", a.dev.Hostname, "deployable", dep.Name, "image", dep.Lost.Image)
		a.sys.engine.tell(a.self, reloadingOf(dep))
		return
	}
	if a.sys.stopping.Err() == nil {
		a.sys.log.Error("the image that guests had could not be loaded again; trying again",
			"host", a.dev.Hostname, "deployable", dep.Name, "image", dep.Lost.Image, "error", err)
	}
	a.later(reloadingOf(dep), reloadPause)
}
