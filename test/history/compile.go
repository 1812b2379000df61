package history

import (
	"math"
	"slices"
)

// compiler turns a trial into a model and its steps.
type compiler struct {
	symbols

	setting  *Setting
	trial    *Trial
	profiles map[string]string // of each ARQ, as it was first seen
	homes    map[uint16]uint8  // the device of each handle
	owned    map[string][]int  // the ARQs that were seen with an owner
	given    map[grant][]uint16
	binders  map[string]int   // how many operations bind with a token
	proofs   map[string]int64 // when an answer first showed an owner
	steps    []*step
}

// grant is an ARQ that was bound with a token.
type grant struct {
	token string
	arq   int
}

// compile gives the model of a trial and its steps. Reads without an answer
// say nothing and are left out, and so are creations of which nobody ever saw
// anything.
func compile(setting *Setting, t *Trial) (*model, []*step) {
	c := &compiler{
		symbols: newSymbols(), setting: setting, trial: t,
		profiles: map[string]string{}, homes: map[uint16]uint8{}, owned: map[string][]int{},
		given: map[grant][]uint16{}, binders: map[string]int{}, proofs: map[string]int64{},
	}
	devices := c.startDevices()
	c.survey()
	for i := range t.Operations {
		if s := c.step(&t.Operations[i]); s != nil {
			c.steps = append(c.steps, s)
			s.number = uint16(len(c.steps))
		}
	}
	m := &model{symbols: c.symbols, fails: map[uint8]bool{}, unreliable: t.Unreliable, known: map[string]*world{}}
	for _, p := range setting.Profiles {
		if p.Fails {
			m.fails[uint8(c.images.of(p.Image))] = true
		}
	}
	m.start = &world{handles: setting.Handles, devices: devices, arqs: make([]arq, len(c.arqs.all))}
	for _, a := range t.Start.ARQs {
		seen, _ := c.sight(a)
		m.start.arqs[seen.arq] = seen.is
	}
	m.start.seal()
	return m, c.steps
}

// startDevices numbers the devices: there are no others than those of the
// start.
func (c *compiler) startDevices() []device {
	devices := make([]device, 1+len(c.trial.Start.Devices)) // number 0 is none
	for name, d := range c.trial.Start.Devices {
		devices[c.devices.of(name)] = device{enabled: d.Enabled, image: uint8(c.images.of(d.Image))}
	}
	return devices
}

// survey gathers what later answers tell about earlier operations: which ARQs
// a creation without an answer has made, which handle a bind has given, and by
// when an operation without an answer was done.
func (c *compiler) survey() {
	for _, a := range c.trial.Start.ARQs {
		c.note(a, math.MinInt64)
		c.binders[a.Owner]++
	}
	for i := range c.trial.Operations {
		o := &c.trial.Operations[i]
		if o.Request.Kind == Patch {
			c.binders[o.Request.Token]++
		}
		for _, a := range o.Answer.ARQs {
			c.note(a, o.Return)
		}
	}
}

func (c *compiler) note(a ARQ, seen int64) {
	number := c.arqs.of(a.UUID)
	if _, known := c.profiles[a.UUID]; !known {
		c.profiles[a.UUID] = a.Profile
	}
	if first, known := c.proofs[a.Owner]; !known || seen < first {
		c.proofs[a.Owner] = seen
	}
	if !slices.Contains(c.owned[a.Owner], number) {
		c.owned[a.Owner] = append(c.owned[a.Owner], number)
	}
	if a.Handle == "" {
		return
	}
	g, h := grant{a.Owner, number}, uint16(c.handles.of(a.Handle))
	if !slices.Contains(c.given[g], h) {
		c.given[g] = append(c.given[g], h)
	}
}

// sight gives an ARQ as an answer shows it, and false when no ARQ may ever
// look like that.
func (c *compiler) sight(a ARQ) (sight, bool) {
	s := sight{arq: c.arqs.of(a.UUID), is: arq{
		state: states[a.State], owner: uint16(c.owners.of(a.Owner)),
		device: uint8(c.devices.of(a.Device)), instance: uint8(c.instances.of(a.Instance)),
		handle: uint16(c.handles.of(a.Handle)),
	}}
	right := s.is.state != absent && c.profiles[a.UUID] == a.Profile &&
		len(c.devices.all) == 1+len(c.trial.Start.Devices)
	return s, right && c.atHome(s.is.handle, s.is.device)
}

// atHome says whether a handle has only been seen on one device, which has not
// shown more of them than there are.
func (c *compiler) atHome(handle uint16, device uint8) bool {
	if handle == 0 {
		return true
	}
	if _, known := c.homes[handle]; !known {
		c.homes[handle] = device
	}
	onDevice := 0
	for _, home := range c.homes {
		if home == device {
			onDevice++
		}
	}
	return c.homes[handle] == device && onDevice <= c.setting.Handles
}

// step gives an operation in numbers; nil: it says nothing.
func (c *compiler) step(o *Operation) *step {
	r := &o.Request
	s := &step{
		kind: r.Kind, status: o.Answer.Status, owner: uint16(c.owners.of(r.Token)),
		instance: uint8(c.instances.of(r.Instance)), device: c.device(r.Device), enabled: r.Enable,
		proof: math.MaxInt64, of: o,
	}
	if s.status >= 500 {
		s.status = unanswered
	}
	if seen, known := c.proofs[r.Token]; known && s.status == unanswered && c.binders[r.Token] <= 1 {
		s.proof = seen
	}
	for _, id := range r.ARQs {
		s.arqs = append(s.arqs, c.arqs.of(id))
	}
	for _, a := range o.Answer.ARQs {
		seen, right := c.sight(a)
		s.seen = append(s.seen, seen)
		s.impossible = s.impossible || !right
	}
	s.impossible = s.impossible || s.device == unknownDevice
	switch r.Kind {
	case Create:
		return c.creation(s)
	case Patch:
		s.patch = c.patch(r)
	case ShowDevice:
		s.enabled = o.Answer.Enabled
	case ShowImage:
		s.image = uint8(c.images.of(o.Answer.Image))
	case Delete, DeleteOfInstance, SetDevice, Restart:
		return s
	case Show, List, ListOfInstance, ListResolved:
	}
	if r.Kind != Patch && s.status == unanswered {
		return nil
	}
	return s
}

const unknownDevice = math.MaxUint8

// device gives the number of a device of the start.
func (c *compiler) device(name string) uint8 {
	if n, known := c.devices.numbers[name]; known {
		return uint8(n)
	}
	return unknownDevice
}

// creation finds the ARQs of one: its answer names them, or they were seen
// later. They have to be as many as the profile makes, and new.
func (c *compiler) creation(s *step) *step {
	r := &s.of.Request
	for _, seen := range s.seen {
		s.arqs = append(s.arqs, seen.arq)
		s.impossible = s.impossible || seen.is != arq{state: initial, owner: s.owner}
	}
	if s.status == unanswered {
		if s.arqs = c.owned[r.Token]; len(s.arqs) == 0 {
			return nil
		}
	}
	s.impossible = s.impossible || len(s.arqs) != c.setting.Profiles[r.Profile].Amount
	for _, n := range s.arqs {
		s.impossible = s.impossible || c.profiles[c.arqs.all[n]] != r.Profile
	}
	return s
}

func (c *compiler) patch(r *Request) patch {
	p := patch{token: uint16(c.owners.of(r.Token))}
	for _, i := range r.Items {
		item := patchItem{arq: c.arqs.of(i.ARQ), bind: i.Device != ""}
		if item.bind {
			item.device, item.instance = c.device(i.Device), uint8(c.instances.of(i.Instance))
			item.strayed = i.Host != "" && i.Host != i.Device
			item.image = uint8(c.images.of(c.setting.Profiles[c.profiles[i.ARQ]].Image))
			item.handles = c.candidates(r.Token, item.arq)
		}
		p.items = append(p.items, item)
	}
	return p
}

// candidates are the handles that an ARQ may have got from a bind with the
// token: the one that it was seen with. Where several operations bind with the
// token it may also be one that nobody saw.
func (c *compiler) candidates(token string, number int) []uint16 {
	seen := c.given[grant{token, number}]
	if len(seen) == 0 || c.binders[token] > 1 {
		return append(slices.Clone(seen), 0)
	}
	return seen
}
