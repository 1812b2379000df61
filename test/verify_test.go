package test

import "testing"

// verify compares what the service has now with what its clients know, and
// has them know it again. Where a request was left unanswered both outcomes
// are good, but nothing by halves.
func (l *load) verify(t *testing.T, c *client) {
	t.Helper()
	for _, fault := range l.faults {
		t.Error(fault)
	}
	byProfile := map[string][]arq{}
	for _, a := range c.arqs("") {
		byProfile[a.Profile] = append(byProfile[a.Profile], a)
	}
	profiles := map[string]bool{}
	for _, p := range c.profiles() {
		profiles[p.Name] = true
	}
	attributes := map[string][]string{}
	for _, a := range c.attributes() {
		attributes[a.Key] = append(attributes[a.Key], a.UUID)
	}
	statuses := map[string]string{}
	for _, d := range c.devices() {
		statuses[d.UUID] = d.Status
	}
	for _, w := range l.workers {
		if !profiles[w.profile] {
			t.Errorf("%s: the acknowledged profile %s is gone", w.name, w.profile)
		}
		w.verifyPairs(t, byProfile[w.profile])
		w.verifyOne(t, "profile "+w.spare, &w.spareIs, presence(profiles[w.spare]))
		w.verifyAttribute(t, attributes[w.name])
		if w.device != nil {
			w.verifyOne(t, "device", &w.enabled, statuses[w.device.UUID])
		}
	}
}

func presence(there bool) string {
	if there {
		return "present"
	}
	return absent
}

func (w *worker) verifyOne(t *testing.T, what string, b *belief, state string) {
	t.Helper()
	if !b.allows(state) {
		t.Errorf("%s: %s is %s, which can only be %q", w.name, what, state, b.may)
	}
	b.learned(state)
}

func (w *worker) verifyPairs(t *testing.T, listed []arq) {
	t.Helper()
	there := map[string]arq{}
	for _, a := range listed {
		there[a.UUID] = a
	}
	var kept []*pair
	for _, p := range w.pairs {
		first := stateOf(there, p.uuids[0])
		for _, id := range p.uuids {
			state := stateOf(there, id)
			if state != first {
				t.Errorf("%s: of one request %s is %s and %s is %s", w.name, p.uuids[0], first, id, state)
			}
			if !p.state.allows(state) {
				t.Errorf("%s: %s is %s, which can only be %q", w.name, id, state, p.state.may)
			}
			p.verifyBinding(t, there[id])
			delete(there, id)
		}
		p.state.learned(first)
		if first != absent {
			kept = append(kept, p)
		}
	}
	w.pairs = kept
	w.adopt(t, listed, there)
}

func stateOf(there map[string]arq, id string) string {
	if a, found := there[id]; found {
		return a.State
	}
	return absent
}

// verifyBinding checks that a bound ARQ is bound to what was asked for, and
// that one that is not shows nothing of it.
func (p *pair) verifyBinding(t *testing.T, a arq) {
	t.Helper()
	want := arq{}
	if a.State == "Bound" {
		want = arq{Hostname: p.target.host, Provider: p.target.Provider, Instance: p.instance}
	}
	got := arq{Hostname: a.Hostname, Provider: a.Provider, Instance: a.Instance}
	if got != want {
		t.Errorf("%s, %s, is bound to %+v, want %+v", a.UUID, a.State, got, want)
	}
}

// adopt takes over the ARQs of a creation that was not answered: all of it or
// nothing.
func (w *worker) adopt(t *testing.T, listed []arq, unknown map[string]arq) {
	t.Helper()
	if n := len(unknown); n != 0 && n != 2 || n > 2*w.lostPairs {
		t.Errorf("%s: %d ARQs nobody was told of, after %d creations without an answer", w.name, n, w.lostPairs)
	}
	w.lostPairs = 0
	var uuids []string
	for _, a := range listed { // in the order of creation
		if _, is := unknown[a.UUID]; !is {
			continue
		}
		if a.State != "Initial" {
			t.Errorf("%s: %s, of a creation without an answer, is %s", w.name, a.UUID, a.State)
		}
		uuids = append(uuids, a.UUID)
	}
	if len(uuids) == 2 {
		w.pairs = append(w.pairs, &pair{uuids: uuids, state: believe("Initial")})
	}
}

func (w *worker) verifyAttribute(t *testing.T, there []string) {
	t.Helper()
	switch {
	case w.lostAttrs == 1 && len(there) == 1:
		w.attribute = there[0]
		w.attrIs.learned("present")
	case len(there) > 1, len(there) == 1 && there[0] != w.attribute:
		t.Errorf("%s: attributes %q nobody was told of", w.name, there)
	default:
		w.verifyOne(t, "attribute", &w.attrIs, presence(len(there) == 1))
	}
	w.lostAttrs = 0
}
