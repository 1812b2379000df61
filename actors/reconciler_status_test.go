package actors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// supply is what operators see of the one device.
func (w *world) supply() *SupplyStatus {
	w.t.Helper()
	synctest.Wait()
	all := w.sys.Supplies()
	if len(all) != 1 {
		w.t.Fatalf("%d devices, want 1", len(all))
	}
	return all[0]
}

// What operators see of a device says how far it is shown, since when, and why
// no further.
func TestOperatorsSeeWhatIsShown(t *testing.T) {
	s := &shelf{}
	inBubble(t, 4, func(w *world) {
		begin := time.Now()
		got, dep := w.supply(), w.deployableOf("h")
		if got.Device != w.device().UUID || got.Host != "h" || got.State != SupplyShown || got.Problem != "" ||
			got.Failures != 0 || got.Tried.IsZero() || got.Providers[dep.ProviderUUID] != dep.Name {
			t.Errorf("of a device that is shown: %+v", got)
		}
		s.answers(0, errors.New("no such class"))
		<-time.After(time.Hour)
		got = w.supply()
		if got.State != SupplyFailing || got.Problem != "no such class" || got.Failures < 2 {
			t.Errorf("of one that is refused: %+v", got)
		}
		if !got.Since.After(begin) || got.Since.After(begin.Add(30*time.Minute)) || got.Tried.Before(begin.Add(50*time.Minute)) {
			t.Errorf("refused since %v, tried at %v; begun at %v", got.Since, got.Tried, begin)
		}
		s.answers(0, nil)
		<-time.After(2 * time.Minute)
		if got = w.supply(); got.State != SupplyShown || got.Problem != "" || got.Failures != 0 {
			t.Errorf("of one that is shown again: %+v", got)
		}
	}, withShelf(s))
}

// A device that is gone is seen until all of it is taken back.
func TestOperatorsSeeWhatLeaves(t *testing.T) {
	s := &shelf{}
	withAgent(t, func(w *world, a *scripted, d *Device) {
		of := func() *SupplyStatus {
			synctest.Wait()
			all := w.sys.Supplies()
			i := slices.IndexFunc(all, func(s *SupplyStatus) bool { return s.Device == d.UUID })
			if i < 0 {
				return nil
			}
			return all[i]
		}
		if got := of(); got == nil || got.Leaving || got.Host != "n" {
			t.Errorf("of a device that is there: %+v", got)
		}
		s.answers(0, ErrSupplyInUse)
		a.content.Removed = []string{a.without(0).ControlPath.Info}
		a.report()
		if got := of(); got == nil || !got.Leaving || got.State != SupplyInUse {
			t.Errorf("of one that leaves: %+v", got)
		}
		s.answers(1, nil)
		<-time.After(10 * time.Minute)
		if got := of(); got != nil {
			t.Errorf("of one that has left: %+v", got)
		}
	}, withShelf(s))
}

func TestNotes(t *testing.T) {
	s := &shelf{}
	inBubble(t, 4, func(w *world) {
		notes := func() []string {
			synctest.Wait()
			return w.sys.Notes()
		}
		if got := notes(); len(got) != 0 {
			t.Errorf("notes although all is well: %q", got)
		}
		s.answers(0, ErrHostUnknown)
		<-time.After(time.Hour)
		if got := notes(); len(got) != 1 || !strings.Contains(got[0], "no resource provider of the hosts h yet") {
			t.Errorf("notes on a host that is not there: %q", got)
		}
		s.answers(0, fmt.Errorf("503: %w", ErrInventoryAway))
		<-time.After(time.Hour)
		if got := notes(); len(got) != 2 || !strings.Contains(got[0], "503") {
			t.Errorf("notes on an inventory that is away: %q", got)
		}
		s.answers(1, nil)
		<-time.After(2 * time.Minute)
		if got := notes(); len(got) != 0 {
			t.Errorf("notes when all is well again: %q", got)
		}
	}, withShelf(s))
}

func TestANoteNamesFewHosts(t *testing.T) {
	sys := &System{}
	var hosts []string
	for n := range 12 {
		hosts = append(hosts, fmt.Sprintf("compute%02d", n))
	}
	sys.supplies.board.unknown.Store(&hosts)
	if got := sys.Notes(); len(got) != 1 || !strings.Contains(got[0], "compute04 and 7 more yet") {
		t.Errorf("%q", got)
	}
}
