package actors

import (
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// agent gives one.
func (w *scene) agent(host string) *simAgent { return w.agents[host] }

// pull takes the device of an agent's host from its slot, or puts it back.
func (a *simAgent) pull(away bool) {
	h := a.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.s.machines.away[a.host] = away; away {
		a.s.machines.loses(a.host)
	}
}

// unevenly takes longer for the first command than a bind has time.
func unevenly() func(devices.Command) work {
	first := true
	return func(devices.Command) work {
		w := work{takes: time.Second, effect: true}
		if first {
			w.takes = 2 * simBindTimeout
		}
		first = false
		return w
	}
}

// agentScenarios are transitions on hosts with agents.
var agentScenarios = []scenario{
	{name: "bind with an image by an agent", agents: true, setup: having("program", 2), work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "a", instance, w.ids...)
	}},
	{name: "bind with an image that an agent fails", agents: true, setup: having("program", 1), work: badly, act: func(w *scene) {
		_ = w.askBind(w.l, "a", instance, w.ids...)
	}},
	{name: "bind of mediated devices by an agent", agents: true, setup: having("vgpu", 2), work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "v", instance, w.ids...)
	}},
	{name: "bind over two agents", agents: true, setup: func(w *scene) {
		w.create("program")
		w.create("vgpu")
	}, work: mdevsFirst, act: func(w *scene) {
		_ = w.askPatch(w.l, PatchItem{w.ids[0], w.toHost("a", instance)}, PatchItem{w.ids[1], w.toHost("v", instance)})
	}},
	{name: "bind over an agent and hardware without one", agents: true, setup: having("program", 2), work: atLength, act: func(w *scene) {
		_ = w.askPatch(w.l, PatchItem{w.ids[0], w.toHost("a", instance)}, PatchItem{w.ids[1], w.toHost("h", instance)})
	}},
	{name: "bind that an agent makes and denies", agents: true, setup: having("vgpu", 1), work: treacherously, act: func(w *scene) {
		_ = w.askBind(w.l, "v", instance, w.ids...)
	}},
	{name: "bind for which an agent takes too long", agents: true, setup: having("vgpu", 1), work: forEver, act: func(w *scene) {
		_ = w.askBind(w.l, "v", instance, w.ids...)
	}},
	{name: "two binds of which an agent has time for none", agents: true, setup: having("vgpu", 2), act: func(w *scene) {
		w.machines.will(unevenly())
		w.both(func() { _ = w.askBind(w.l, "v", instance, w.ids[0]) }, func() { _ = w.askBind(w.l, "v", another, w.ids[1]) })
	}},
	{name: "bind whose agent is away", agents: true, setup: having("program", 1), act: func(w *scene) {
		w.agent("a").kill()
		_ = w.askBind(w.l, "a", instance, w.ids...)
		<-time.After(2 * simBindTimeout)
		w.agent("a").start()
	}},
	{name: "bind whose agent ends in between", agents: true, setup: having("vgpu", 1), work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "v", instance, w.ids...)
		<-time.After(time.Second)
		w.agent("v").restart(time.Second)
	}},
	{name: "bind whose agent ends while it programs", agents: true, seen: true, setup: func(w *scene) {
		having("program", 2)(w)
		having("one", 1)(w)
	}, work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "a", instance, w.ids[0])
		<-time.After(time.Second)
		w.agent("a").restart(time.Second)
		<-time.After(simSlack)
		_ = w.askBind(w.l, "a", another, w.ids[2])
		_ = w.askBind(w.l, "a", instance, w.ids[1])
		<-time.After(simSlack)
		_ = w.askBind(w.l, "a", another, w.ids[2])
	}},
	{name: "bind whose agent comes back without its journal", agents: true, seen: true, setup: func(w *scene) {
		having("program", 1)(w)
		having("vgpu", 1)(w)
		having("one", 1)(w)
	}, work: atLength, act: func(w *scene) {
		_ = w.askPatch(w.l, PatchItem{w.ids[0], w.toHost("a", instance)}, PatchItem{w.ids[1], w.toHost("v", instance)})
		<-time.After(time.Second)
		w.both(func() { w.agent("a").elsewhere(0) }, func() { w.agent("v").elsewhere(0) })
		<-time.After(simLease + simSlack)
		_ = w.askBind(w.l, "a", another, w.ids[2])
	}},
	{name: "unbind of a mediated device by an agent", agents: true, setup: bound("vgpu", "v", 1), work: atLength, act: func(w *scene) {
		_ = w.askUnbind(w.l, w.ids...)
	}},
	{name: "delete while an agent prepares", agents: true, setup: having("vgpu", 2), work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "v", instance, w.ids...)
		_ = w.askRemoveInstance(w.l, instance)
	}},
	{name: "delete while an agent is away", agents: true, setup: bound("vgpu", "v", 1), act: func(w *scene) {
		w.agent("v").kill()
		_ = w.askRemove(w.l, w.ids...)
		<-time.After(simLease + simDeadAfter + simSlack)
		w.agent("v").start()
	}},
	{name: "program by an agent", agents: true, work: atLength, act: func(w *scene) { _ = w.askProgram(w.l, "a", image) }},
	{name: "a host that is started again", agents: true, setup: func(w *scene) {
		having("vgpu", 1)(w)
		_ = w.askBind(w.l, "v", instance, w.ids...)
		<-time.After(time.Second)
		w.create("vgpu")
	}, work: atLength, act: func(w *scene) {
		_ = w.askBind(w.l, "v", another, w.ids[1])
		w.agent("v").reboot(time.Second)
	}},
	{name: "a host that is started again after an image was loaded", agents: true, setup: having("program", 1), act: func(w *scene) {
		_ = w.askBind(w.l, "a", instance, w.ids...)
		w.agent("a").reboot(0)
		<-time.After(simSlack)
		_ = w.askUnbind(w.l, w.ids...)
		_ = w.askBind(w.l, "a", instance, w.ids...)
	}},
	{name: "a host that dies and comes back", agents: true, seen: true, setup: bound("vgpu", "v", 1), act: func(w *scene) {
		w.agent("v").kill()
		<-time.After(simLease + simDeadAfter + returnGrace)
		_ = w.askUnbind(w.l, w.ids...)
		w.agent("v").start()
	}},
	{name: "a device that is pulled under its guest", agents: true, seen: true, setup: bound("one", "a", 1), act: func(w *scene) {
		w.agent("a").pull(true)
		<-time.After(2 * simBindTimeout)
		_ = w.askRemove(w.l, w.ids...)
		<-time.After(simSlack)
		w.agent("a").pull(false)
	}},
	{name: "a device that is pulled", agents: true, seen: true, act: func(w *scene) {
		w.agent("a").pull(true)
		<-time.After(2 * simBindTimeout)
		w.agent("a").pull(false)
	}},
	{name: "recovery with agents", agents: true, setup: func(w *scene) {
		having("program", 1)(w)
		having("vgpu", 2)(w)
		w.machines.will(forEver)
		_ = w.askBind(w.l, "a", instance, w.ids[0])
		_ = w.askBind(w.l, "v", another, w.ids[1])
		_ = w.askBind(w.l, "v", uuid.UUID{15: 9}, w.ids[2])
		_ = w.askRemove(w.l, w.ids[2])
		w.restart()
	}, act: func(w *scene) { w.boot() }},
}
