package actors

import (
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// examine has the device of a host be said to be in a state, and to have counted
// so many fatal errors.
func (s *simulation) examine(l *life, host string, state devices.HealthState, errors uint64) {
	if l.isDead() {
		return
	}
	h := devices.Health{State: state, Errors: fatal(errors)}
	if state != ok {
		h.Reasons = []string{"it is " + string(state)}
	}
	l.sys.examinedByAgent(host, "boot", &protocol.DeviceHealth{Device: simInventory(host)[0].ControlPath, Health: h})
}

// sicken has a device be quarantined, if nothing comes in between.
func (w *scene) sicken(host string) {
	w.examine(w.l, host, ok, 1)
	w.examine(w.l, host, ok, 2)
}

// healthScenarios are those in which devices sicken and recover.
var healthScenarios = []scenario{
	{name: "a device is well", act: func(w *scene) { w.examine(w.l, "h", ok, 0) }},
	{name: "a device sickens while it is bound", setup: having("one", 3), act: func(w *scene) {
		w.both(func() { w.sicken("h") }, func() { _ = w.askBind(w.l, "h", instance, w.ids[:2]...) })
		_ = w.askBind(w.l, "h", another, w.ids[2])
	}},
	{name: "a device sickens while it is prepared", setup: having("program", 2), work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "h", instance, w.ids[0])
		<-time.After(time.Second)
		w.sicken("h")
		_ = w.askBind(w.l, "h", another, w.ids[1])
	}},
	{name: "a device sickens while a mediated one is taken back", setup: bound("vgpu", "m", 1), work: atLength, act: func(w *scene) {
		w.both(func() { w.sicken("m") }, func() { _ = w.askUnbind(w.l, w.ids...) })
	}},
	{name: "a quarantine is lifted", setup: func(w *scene) {
		having("one", 1)(w)
		w.sicken("h")
	}, act: func(w *scene) {
		_ = w.askBind(w.l, "h", instance, w.ids...)
		_ = w.askEnabled(w.l, "h", true)
		_ = w.askBind(w.l, "h", instance, w.ids...)
		w.examine(w.l, "h", ok, 3)
	}},
	{name: "a device recovers", setup: func(w *scene) { w.sicken("h") }, act: func(w *scene) {
		w.examine(w.l, "h", ok, 2)
		<-time.After(6 * time.Minute)
	}},
	{name: "a quarantine among an operator's wishes", setup: func(w *scene) { w.sicken("h") }, act: func(w *scene) {
		_ = w.askEnabled(w.l, "h", false)
		w.examine(w.l, "h", shaky, 2)
		_ = w.askEnabled(w.l, "h", true)
	}},
}
