package actors

import (
	"slices"
	"testing"
	"time"

	"github.com/arqd/arqd/devices/protocol"
)

// numbered gives the devices of an agent serial numbers.
func (a *scripted) numbered(serials ...string) {
	for i, serial := range serials {
		a.content.Devices[i].Serial = serial
	}
}

// A card that was put into another slot is given to nobody there, as long as somebody
// has something of it where it was: a disk has his data on it.
func TestACardThatSomebodyHasIsInAnotherSlot(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		elsewhere := a.without(1)
		a.numbered("1")
		a.open()
		a.report()
		first := w.wantDevices("n", 1)[0]
		id := w.bound(first, instance)
		elsewhere.Serial = "1"
		a.content.Devices = []protocol.Device{elsewhere}
		a.wantRefused(a.report(), "somebody still has it there")
		if d := w.wantDevices("n", 1)[0]; !d.Missing || d.UUID != first.UUID {
			t.Errorf("%+v", d)
		}
		w.crash()
		a.open()
		a.wantRefused(a.report(), "somebody still has it there")
		w.must(w.unbind(id))
		w.wantDevices("n", 0)
		a.wantRefused(a.report())
		if d := w.wantDevices("n", 1)[0]; d.UUID == first.UUID || d.ControlPath.Info != elsewhere.ControlPath.Info {
			t.Errorf("%+v", d)
		}
		w.wantConsistent()
	})
}

// Two that change places are told apart, whoever of them is in use.
func TestTwoCardsChangePlaces(t *testing.T) {
	for inUse := range 3 {
		inBubble(t, 1, func(w *world) {
			a := w.agent("n", 2)
			a.numbered("1", "2")
			a.open()
			a.report()
			before := w.wantDevices("n", 2)
			slices.SortFunc(before, func(a, b *Device) int { return a.ID - b.ID })
			reasons := map[int]string{}
			if inUse < 2 {
				w.bound(before[inUse], instance)
				reasons = map[int]string{inUse: "another card was in its place", 1 - inUse: "somebody still has it there"}
			}
			a.numbered("2", "1")
			reply := a.report()
			var want []string
			for i := range 2 {
				if reason := reasons[i]; reason != "" {
					want = append(want, reason)
				}
			}
			a.wantRefused(reply, want...)
			for _, d := range w.sys.devicesOf("n") {
				if !d.Missing && (d.UUID == before[0].UUID || d.UUID == before[1].UUID) {
					t.Errorf("in use %d: %+v is where another card is", inUse, d)
				}
			}
			w.wantDevices("n", map[bool]int{true: 1, false: 2}[inUse < 2])
			w.wantConsistent()
		})
	}
}

// Cards of the same number are two as long as both are there, or one may be hidden.
func TestTwoCardsOfTheSameNumber(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		a := w.agent("n", 2)
		a.numbered("0", "0")
		a.open()
		a.wantRefused(a.report())
		w.wantDevices("n", 2)
		a.wantRefused(a.report())
		second := a.without(1)
		<-time.After(protocol.ScansApart)
		a.report()
		<-time.After(protocol.ScansApart)
		a.report()
		w.wantDevices("n", 1)
		first := a.without(0)
		a.content.Devices = []protocol.Device{second}
		a.content.Complete = map[string]bool{first.Driver: false}
		a.wantRefused(a.report(), "may be there still")
		w.wantDevices("n", 1)
		w.wantConsistent()
	})
}
