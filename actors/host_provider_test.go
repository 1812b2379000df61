package actors

import "testing"

// root is the provider below which the scheduler was last shown a device.
func (s *shelf) root(d *Device) (last string) {
	for _, call := range s.all() {
		if call.Device == d.UUID {
			last = call.Root
		}
	}
	return last
}

// What a host has goes below the provider that its agent names, also after a
// restart, and moves with the name.
func TestDevicesGoBelowTheProviderOfTheHost(t *testing.T) {
	s := &shelf{}
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 1)
		for _, name := range []string{"n.example.org", "n.example.net", "n", "n.example.org", ""} {
			want := name
			if name == "" {
				want = "n"
			}
			a.provider = name
			a.open()
			a.report()
			d := w.wantDevices("n", 1)[0]
			for _, when := range []string{"at once", "after a restart"} {
				if got := s.root(d); got != want {
					t.Errorf("%s: below %q, want %q", when, got, want)
				}
				if got := w.sys.host("n").Provider; got != want {
					t.Errorf("%s: published %q, want %q", when, got, want)
				}
				s.mu.Lock()
				s.calls = nil
				s.mu.Unlock()
				w.crash()
			}
		}
		w.wantConsistent()
	}, withShelf(s))
}

// Nova may call the host by either name; what it has said is kept.
func TestABindNamesTheProviderOfTheHost(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 1)
		a.provider = "n.example.org"
		a.open()
		a.report()
		w.joined("other", 1)
		w.profile("one")
		for _, hostname := range []string{"n", "n.example.org"} {
			to := w.to("n", another)
			to.Hostname = hostname
			id := w.create("one", 1)[0]
			w.must(w.bind(to, id))
			if got, _ := w.sys.ARQ(id); got.State != Bound || got.Binding.Hostname != hostname {
				t.Errorf("%s on %+v", got.State, got.Binding)
			}
			w.must(w.bind(to, id)) // again, as after a lost answer
			w.must(w.unbind(id))
		}
		for host, hostname := range map[string]string{"n": "other", "other": "n.example.org"} {
			to := w.to(host, another)
			to.Hostname = hostname
			w.wantCode(w.bind(to, w.create("one", 1)...), CodeConflict)
		}
		a.provider = ""
		a.open()
		to := w.to("n", another)
		to.Hostname = "n.example.org"
		w.wantCode(w.bind(to, w.create("one", 1)...), CodeConflict)
		w.wantConsistent()
	})
}
