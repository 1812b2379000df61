package actors

import (
	"time"
)

// A host's agent holds a lease, and every call of its session renews it. Seen
// from here a host is unknown from the start until its agent comes back, fresh
// as long as the lease is held, then stale, and in the end dead. Only the last
// is on record: otherwise a restart of the service would give the scheduler for
// a while what is not there.

// returnGrace is added to the lease of a host that was not heard of since the
// start: agents come back over the first ten seconds.
const returnGrace = 15 * time.Second

// alive takes note of a sign of life.
func (h *hostActor) alive() {
	h.heard = h.sys.now()
	if h.state != HostFresh {
		h.tick()
	}
}

// tick brings the state in line with the time that has passed. A service that is being
// stopped hears nobody, and judges nobody by that.
func (h *hostActor) tick() {
	if h.sys.life.state.Load() == stopped {
		return
	}
	before := h.state
	age, lease := h.sys.now().Sub(h.heard), h.sys.opts.Lease
	if h.session == nil {
		lease += returnGrace
	}
	var left time.Duration // until the next change
	switch {
	case h.session == nil && h.dead():
		h.state = HostDead
	case age < lease && h.session == nil:
		h.state, left = HostUnknown, lease-age
	case age < lease:
		h.state, left = HostFresh, lease-age
	case age < lease+h.sys.opts.HostDeadAfter:
		h.state, left = HostStale, lease+h.sys.opts.HostDeadAfter-age
	default:
		h.state = HostDead
	}
	if h.timer != nil {
		h.timer()
		h.timer = nil
	}
	if left > 0 {
		self := h.self
		h.timer = h.sys.after(left, func() { h.sys.engine.tell(self, hostTick{}) })
	}
	if h.state != before {
		h.changed(before)
	}
}

func (h *hostActor) changed(before HostState) {
	h.publish()
	log := h.sys.log.With("host", h.name, "before", before.String(), "state", h.state.String())
	switch h.state {
	case HostStale:
		log.Warn("a host's agent was not heard of in time: nothing is begun there that needs it")
	case HostDead:
		log.Error("a host's agent was not heard of for long: the host gives nothing away")
	case HostFresh:
		log.Info("a host's agent is there")
	case HostUnknown, hostStates:
	}
	if h.rec != nil && h.dead() != (h.state == HostDead) {
		h.waiting = append(h.waiting, hostTurned{})
	}
}

// dead tells whether the host is dead on record.
func (h *hostActor) dead() bool { return h.rec != nil && h.rec.Dead }

// turnPause is how long a change that could not be recorded waits for the next try.
const turnPause = 30 * time.Second

// turned puts it on record whether the host is dead, and keeps the scheduler
// from one that is.
func (h *hostActor) turned() {
	next := h.record()
	next.Dead = h.state == HostDead
	h.write(next, func(err error) {
		if err != nil {
			h.sys.log.Warn("whether a host is dead could not be recorded; trying again", "host", h.name, "dead", next.Dead, "error", err)
			self := h.self
			h.sys.after(turnPause, func() { h.sys.engine.tell(self, hostTurned{}) })
		}
		h.sys.showHost(h.name, next.Dead)
	})
}

// provider gives the name of the host's resource provider.
func (h *hostActor) provider() string {
	if h.rec == nil {
		return h.name
	}
	return h.rec.provider()
}

// publish shows others the state.
func (h *hostActor) publish() {
	v := &Host{Name: h.name, Provider: h.provider(), State: h.state}
	if s := h.session; s != nil {
		v.Session, v.Capabilities = true, s.capabilities
	}
	h.entry.view.Store(v)
}

// hostGives refuses what a host can give to nobody; nil: it can, or it has no
// agent.
func (s *System) hostGives(name string) error {
	if h := s.host(name); h != nil && h.State == HostDead {
		return Refuse(CodeConflict, "the agent of host %s was not heard of for long: its devices take no new bind", name)
	}
	return nil
}
