package actors

import (
	"context"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence/memory"
)

// rest lets everything come to rest, checks what is so then, gives everything
// back, binds every handle there is once more, and checks that all are free in
// the end.
func (s *simulation) rest() {
	s.arm(0, false)
	s.machines.will(well)
	l := s.life
	for _, host := range s.hosts() {
		s.examine(l, host, ok, 0)
	}
	s.settle()
	s.wantAtRest()
	s.removeAll(l)
	s.makeCertain(l)
	s.useAll(l)
	s.removeAll(l)
	profiles, _ := l.sys.Profiles(ProfileQuery{})
	for _, p := range profiles {
		s.wantDone("delete of a profile", s.askDrop(l, p.Name))
	}
	s.settle()
	s.machines.wantAgreement()
	s.scheduler.wantSeen()
	s.history.close()
	if s.agents != nil {
		for _, host := range agentHosts {
			s.agents[host].kill()
		}
	}
	s.wantDone("stop", l.sys.Stop(s.t.Context()))
	_ = s.store.Close()
	s.drainEngine()
}

// settle lets time pass until the last command, event and timer is done with.
func (s *simulation) settle() {
	<-time.After(10 * time.Minute)
	synctest.Wait()
	s.wantInvariants(s.store)
}

// removeAll deletes every ARQ; all handles must be free then.
func (s *simulation) removeAll(l *life) {
	var ids []uuid.UUID
	seq, _ := l.sys.ARQs(ARQQuery{Scope: admin})
	for a := range seq {
		ids = append(ids, a.UUID)
	}
	if len(ids) > 0 {
		s.wantDone("delete of everything", s.askRemove(l, ids...))
	}
	s.settle()
	if st := l.sys.Stats(); st.HandlesFree != s.handles() {
		s.history.violation("after everything was deleted: %d handles free, %d taken, %d releasing",
			st.HandlesFree, st.HandlesTaken, st.HandlesReleasing)
	}
}

// makeCertain has FPGAs programmed of which nobody knows what is loaded.
func (s *simulation) makeCertain(l *life) {
	for _, host := range s.hosts() {
		if s.deviceOf(l, host).Deployables[0].Uncertain {
			s.wantDone("programming of an uncertain device", s.askProgram(l, host, image))
		}
	}
	if health := l.sys.HealthStats(); health.Devices[Quarantined] != 0 {
		s.history.violation("all was programmed, and yet: %+v", health)
	}
}

// useAll binds every handle there is.
func (s *simulation) useAll(l *life) {
	for i, host := range s.hosts() {
		s.wantDone("enabling a device", s.askEnabled(l, host, true))
		profile, handles := "one", len(simInventory(host)[0].Deployables[0].AttachHandles)
		if host == "m" || host == "v" {
			profile = "vgpu"
		}
		var ids []uuid.UUID
		for range handles {
			ids = append(ids, s.askCreate(l, profile)...)
		}
		s.wantDone("bind of every handle of "+host, s.askBind(l, host, uuid.UUID{0: 0xe, 15: byte(i)}, ids...))
	}
	s.settle()
	if st := l.sys.Stats(); st.ARQs[Bound] != s.handles() {
		s.history.violation("of %d ARQs, one for each handle, %d are Bound", s.handles(), st.ARQs[Bound])
	}
}

func (s *simulation) wantDone(what string, err error) {
	if err != nil {
		s.history.violation("%s: %v", what, err)
	}
}

// wantInvariants checks what is true of a store at any time.
func (s *simulation) wantInvariants(store *memory.Store) {
	report, err := Verify(context.Background(), store)
	if err != nil {
		s.history.violation("verify: %v", err)
	}
	for _, v := range report.Violations {
		s.history.violation("%s", v)
	}
}

// wantAtRest checks what is true when nothing is under way any more.
func (s *simulation) wantAtRest() {
	s.wantViews()
	s.machines.wantAgreement()
	s.wantHostsAtRest()
	s.scheduler.wantSeen()
	st := s.sys.Stats()
	if st.ARQs[BindStarted] != 0 || st.ARQsHeld != 0 {
		s.history.violation("%d ARQs are BindStarted for ever, %d of them held back", st.ARQs[BindStarted], st.ARQsHeld)
	}
	if st.HandlesReleasing != 0 || st.HandlesFree+st.HandlesTaken != s.handles() {
		s.history.violation("handles: %d free, %d taken, %d releasing", st.HandlesFree, st.HandlesTaken, st.HandlesReleasing)
	}
	for _, d := range s.sys.Devices() {
		if uncertain := d.Deployables[0].Uncertain; d.Quarantined() && !uncertain {
			s.history.violation("all is well for long, and yet: %+v", d.Health)
		}
	}
	if n := s.sys.HealthStats().ARQs; n != 0 {
		s.history.violation("all is well for long, and yet %d ARQs are on quarantined devices", n)
	}
	if st.OutboxDepth != 0 || st.ActiveActors["operation"] != 0 || st.ActiveActors["arq"] != 0 {
		s.history.violation("not at rest: outbox %d, actors %v", st.OutboxDepth, st.ActiveActors)
	}
}

// wantViews compares what is published with what is durable.
func (s *simulation) wantViews() {
	h := s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	durable := latest[ARQ](h, kindARQ)
	for _, a := range durable {
		if v, ok := s.sys.ARQ(a.UUID); !ok || !sameARQ(a, v) {
			h.violated("ARQ %s is %+v and is shown as %+v", a.UUID, a, v)
		}
	}
	shown := 0
	for _, n := range s.sys.Stats().ARQs {
		shown += n
	}
	if shown != len(durable) {
		h.violated("%d ARQs are shown, %d exist", shown, len(durable))
	}
}
