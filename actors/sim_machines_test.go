package actors

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// machines are the hosts' hardware: what is really loaded and made there,
// whatever the records say. They outlive the processes that drive them.
// history.mu guards them.
type machines struct {
	s      *simulation
	images map[string]uuid.UUID       // by deployable; the zero uuid: garbage
	mdevs  map[uuid.UUID]string       // hosts, by handle
	lost   map[string]bool            // deployables whose last programming ended and nobody was there to hear of it
	away   map[string]bool            // hosts whose card is not in its slot
	falls  map[string]int             // how often what hosts had was lost
	plan   func(devices.Command) work // how the next command goes
}

// work is how a command goes: how long it takes, whether it is reported as
// done, and whether it is done, which is another matter. A command whose
// process ends meanwhile is done as effect says, unless it is cut short.
type work struct {
	takes  time.Duration
	fails  bool
	effect bool
	cut    bool
}

// commandSpan is one command, for those who were refused because of it.
type commandSpan struct {
	command  devices.Command
	from, to time.Time // to is zero while it goes on
	failed   bool
	loads    bool
}

func newMachines(s *simulation) *machines {
	return &machines{
		s: s, images: map[string]uuid.UUID{}, lost: map[string]bool{}, mdevs: map[uuid.UUID]string{}, plan: well,
		away: map[string]bool{}, falls: map[string]int{},
	}
}

// well is how commands go by themselves: at once, and they do what they say.
func well(devices.Command) work { return work{effect: true} }

// will says how commands go from now on.
func (m *machines) will(plan func(devices.Command) work) {
	m.s.history.mu.Lock()
	defer m.s.history.mu.Unlock()
	m.plan = plan
}

var errMachine = errors.New("bad day")

// do carries out a command, as Hardware does.
func (m *machines) do(ctx context.Context, l *life, c devices.Command) error {
	m.s.point(l, "begin "+string(c.Kind))
	if l.isDead() {
		return errDead
	}
	err := m.carry(ctx, c)
	m.s.point(l, "end "+string(c.Kind))
	if l.isDead() {
		m.unheard(c)
		return errDead
	}
	return err
}

// unheard takes note of a command whose end nobody will tell.
func (m *machines) unheard(c devices.Command) {
	m.s.history.mu.Lock()
	defer m.s.history.mu.Unlock()
	if c.Kind == devices.ProgramFPGA {
		m.lost[c.Deployable] = true
	}
}

// carry carries out a command, until ctx ends.
func (m *machines) carry(ctx context.Context, c devices.Command) error {
	h := m.s.history
	h.mu.Lock()
	w := m.plan(c)
	m.mayBegin(c)
	span := &commandSpan{command: c, from: time.Now(), loads: c.Kind == devices.ProgramFPGA}
	h.commands = append(h.commands, span)
	there, falls := !m.away[c.Host], m.falls[c.Host]
	if span.loads && there {
		m.images[c.Deployable] = uuid.Nil
		m.lost[c.Deployable] = false
	}
	h.mu.Unlock()

	var err error
	select {
	case <-time.After(w.takes):
		if w.fails {
			err = errMachine
		}
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	h.mu.Lock()
	if there = there && m.falls[c.Host] == falls; !there && err == nil && c.Kind != devices.RemoveMdev {
		err = errMachine
	}
	if cut := w.cut && ctx.Err() != nil; w.effect && there && !cut {
		m.effect(c)
	}
	span.to, span.failed = time.Now(), err != nil
	h.mu.Unlock()
	return err
}

// loses takes away what a host loses when it is started again, or its card falls off the
// bus. The caller holds history.mu.
func (m *machines) loses(host string) {
	m.falls[host]++
	maps.DeleteFunc(m.mdevs, func(_ uuid.UUID, of string) bool { return of == host })
	m.images[simInventory(host)[0].Deployables[0].Name] = uuid.Nil
}

func (m *machines) effect(c devices.Command) {
	switch c.Kind {
	case devices.ProgramFPGA:
		m.images[c.Deployable] = c.Image
	case devices.CreateMdev:
		m.mdevs[c.Handle] = c.Host
	case devices.RemoveMdev:
		delete(m.mdevs, c.Handle)
	default:
	}
}

// mayBegin holds a command against those who have what it would touch.
func (m *machines) mayBegin(c devices.Command) {
	h := m.s.history
	switch c.Kind {
	case devices.ProgramFPGA:
		for _, a := range latest[ARQ](h, kindARQ) {
			if a.State == Bound && h.deployableOf(a) == c.Deployable && !h.lacks(c, a) {
				h.violated("%s is programmed under ARQ %s, which is Bound", c.Deployable, a.UUID)
			}
		}
	case devices.CreateMdev:
		if now := latestOf[heldHandle](h, handleKey(c.Handle)); now == nil || now.State == handleFree {
			h.violated("a mediated device is made for handle %s, which nobody has", c.Handle)
		}
	case devices.RemoveMdev:
		if now := latestOf[heldHandle](h, handleKey(c.Handle)); now == nil || now.State != handleReleasing {
			h.violated("the mediated device of handle %s is removed, which is not to be cleaned up", c.Handle)
		}
	default:
	}
}

// lacks says whether an ARQ is on record as having lost the image that a command loads.
func (h *history) lacks(c devices.Command, a *ARQ) bool {
	for _, d := range latest[Device](h, kindDevice) {
		for _, dep := range d.Deployables {
			if dep.Name == c.Deployable {
				return dep.Lost != nil && dep.Lost.Image == c.Image && slices.Contains(dep.Lost.Holders, a.UUID)
			}
		}
	}
	return false
}

// ready says whether the hardware is as the guest of a Bound ARQ must find it.
func (m *machines) ready(a *ARQ) bool {
	h := m.s.history
	if !h.inOrder(a.Binding.Hostname) {
		return true // its guest was lost, too
	}
	if a.Binding.Handle.Type == handleTypeMdev && m.mdevs[a.Binding.Handle.UUID] == "" {
		return h.madeAnew(a)
	}
	image, dep := simImage(a.Group), h.deployableOf(a)
	return image == uuid.Nil || m.images[dep] == image || h.lacks(devices.Command{Deployable: dep, Image: image}, a)
}

// madeAnew says whether it is on record that what was made for an ARQ is to be made anew.
func (h *history) madeAnew(a *ARQ) bool {
	return slices.ContainsFunc(latest[Device](h, kindDevice), func(d *Device) bool {
		return d.Anew && slices.ContainsFunc(d.Deployables, func(dep *Deployable) bool { return dep.ProviderUUID == a.Binding.ProviderUUID })
	})
}

// checkCertain wants that nobody gets as it is what nobody knows the content of,
// unless an operator does.
func (h *history) checkCertain(s *simulation, c *commit, a *ARQ) {
	dep := h.deployableOf(a)
	if simImage(a.Group) != uuid.Nil || !s.machines.lost[dep] {
		return
	}
	_, d := h.place(&BindTo{ProviderUUID: a.Binding.ProviderUUID}, c.index)
	if d.Health == nil || len(d.Health.Accepted) == 0 {
		h.violated("commit %d gives ARQ %s something of %s, and nobody knows what is loaded there", c.index, a.UUID, dep)
	}
}

// wantAgreement compares the hardware with the records, at rest.
func (m *machines) wantAgreement() {
	h := m.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range latest[Device](h, kindDevice) {
		for _, dep := range d.Deployables {
			if dep.BitstreamID != uuid.Nil && m.images[dep.Name] != dep.BitstreamID {
				h.violated("%s has image %s on record and %s in truth", dep.Name, dep.BitstreamID, m.images[dep.Name])
			}
		}
	}
	for _, a := range latest[ARQ](h, kindARQ) {
		if image := simImage(a.Group); a.State == Bound && image != uuid.Nil && m.images[h.deployableOf(a)] != image {
			h.violated("ARQ %s is Bound and its FPGA has image %s", a.UUID, m.images[h.deployableOf(a)])
		}
	}
	made := 0
	for _, x := range latest[heldHandle](h, kindHandle) {
		if x.Type != handleTypeMdev {
			continue
		}
		exists := m.mdevs[x.UUID] != ""
		if exists {
			made++
		}
		if exists != (x.State == handleTaken) {
			h.violated("handle %s is in state %d; that its mediated device exists is %v", x.UUID, x.State, exists)
		}
	}
	if made != len(m.mdevs) {
		h.violated("%d mediated devices exist, %d of handles", len(m.mdevs), made)
	}
}

// simImage gives the image that a group asks for; the zero uuid: none.
func simImage(g *Group) uuid.UUID {
	for _, q := range g.Requests {
		if q.Key == keyBitstream {
			return uuid.MustParse(q.Value)
		}
	}
	return uuid.Nil
}
