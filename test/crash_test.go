package test

import (
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"
)

// crashSteps goes through every operation that writes, in every outcome that
// one has.
func crashSteps() []crashStep {
	const first, second, third, fourth, fifth = "10000000-0000-4000-8000-000000000001",
		"10000000-0000-4000-8000-000000000002", "10000000-0000-4000-8000-000000000003",
		"10000000-0000-4000-8000-000000000004", "10000000-0000-4000-8000-000000000005"
	return []crashStep{
		profileStep("one", `"resources:FPGA": "1"`),
		profileStep("two", `"resources:FPGA": "2"`),
		profileStep("good", `"resources:FPGA": "1", "accel:bitstream_id": "`+goodImage+`"`),
		profileStep("other", `"resources:FPGA": "1", "accel:bitstream_id": "`+otherImage+`"`),
		profileStep("bad", `"resources:FPGA": "1", "accel:bitstream_id": "`+badImage+`"`),
		createStep("two", "a", "b"),
		createStep("one", "c"),
		createStep("one", "d"),

		bindStep("compute1", first, "c"),
		bindStep("compute2", second, "a", "b"), // several by one request
		swapStep("compute1", first, []string{"c"}, []string{"d"}),
		bindStep("compute1", first, "d"), // the same again writes nothing
		createStep("two", "e", "f"),
		exhaustStep("compute1", third, "e", "f"),
		unbindStep("e", "f"),

		createStep("good", "g"),
		prepareStep("compute3", fourth, goodImage, "Bound", "g"),
		awaitStep("compute3", goodImage, "Bound", "g"),
		unbindStep("g"),
		createStep("bad", "h"),
		prepareStep("compute3", fifth, "", "BindFailed", "h"),
		awaitStep("compute3", "", "BindFailed", "h"),
		removeInstanceStep(fifth, "h"),
		createStep("other", "i"),
		prepareStep("compute3", fifth, otherImage, "Bound", "i"),
		removeInstanceStep(fifth, "i"), // while the device is at work

		deviceStep("compute2", "disable"),
		deviceStep("compute2", "enable"),
		attributeStep("mine"),
		removeAttributeStep("mine"),
		awaitFreeStep("compute3", otherImage),
		programStep("compute3", thirdImage),

		removeStep("a"), // one of an instance's two
		removeInstanceStep(first, "d"),
		removeStep("c"),
		removeStep("b", "e", "f", "g"),
		removeProfilesStep("one"),
		removeProfilesStep("two", "good", "bad", "other"),
	}
}

// crashWrites are the writes of the walk, by the kinds of their records.
var crashWrites = []string{
	"put:device+sequence",                          // registration
	"put:handle",                                   // registration; cleaning up
	"put:profile",                                  //
	"put:arq",                                      // create; unbind of what is not bound
	"put:arq+event+handle+instance",                // bind
	"put:arq+device+handle+instance",               // bind that loads an image
	"put:arq+event+instance",                       // no free handle
	"put:arq+event",                                // the image is loaded
	"put:arq+event+handle",                         // it is not
	"put:arq,delete:instance",                      // unbind of what has no handle
	"put:arq+handle,delete:instance",               // unbind
	"put:handle+instance,delete:arq",               // delete of one of several
	"put:handle,delete:arq+instance",               // delete of the last
	"put:device",                                   // disable, enable, attributes, images
	"delete:arq+instance",                          // delete of the last, which has no handle
	"delete:arq", "delete:profile", "delete:event", //
}

// TestCrashAtEveryWrite kills the process at each write of a walk in turn, and
// looks at what the next one makes of what is left.
func TestCrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	crashSweep(t, crashWrites, func(t *testing.T, faults, moment string) string {
		t.Helper()
		w := newCrashWalk(t)
		where := newNode(t, w.nova.options(crashOptions))
		p := where.startFaulty(faults)
		if p.comesUp() && w.walk(p, crashSteps()) {
			p.comesToEnd()
		}
		killed := p.killedAt()
		if killed == notKilled && w.asks != nil {
			t.Errorf("a process that lived did not answer: %+v", w.asks)
		}
		if moment == "before" {
			where.store("verify") // in the other rounds the next process is the first to look
		}
		where.checkNext(w)
		return killed
	})
}

// startFaulty launches an arqd that misbehaves.
func (n *node) startFaulty(faults string) *process {
	n.t.Helper()
	correct := n.program
	n.program = faultyBinary(n.t)
	defer func() { n.program = correct }()
	return n.launch("ARQD_FAULTS=" + faults)
}

// comesUp waits until the process says that it is ready; false: it was killed
// before. It is not asked: what it does by itself may kill it at any moment.
func (p *process) comesUp() bool {
	p.t.Helper()
	eventually(p.t, readyLimit, "ready or dead", func() bool { return p.log.says("ready") || !p.running() })
	if !p.running() {
		return false
	}
	p.findAddresses()
	return true
}

// comesToEnd waits until the process is dead, or has done what it does by
// itself.
func (p *process) comesToEnd() {
	p.t.Helper()
	rested := 0
	eventually(p.t, 20*time.Second, "the process rests or is dead", func() bool {
		m, err := p.scrape()
		if err != nil {
			return true
		}
		if m.atRest(p.t) {
			rested++
		}
		return rested > 20 // the last event goes from the store after it went out
	})
}

// killedAt says at which write a process was killed. One that lives is killed
// now.
func (p *process) killedAt() string {
	p.t.Helper()
	if p.log.says("killed at a write") || !p.running() {
		p.exit(stopLimit)
		if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
			p.t.Fatalf("arqd was not killed, it ended as %v:\n%s", p.cmd.ProcessState, p.log.tail())
		}
	}
	p.kill()
	for _, line := range p.log.messages("killed at a write") {
		return line.Write
	}
	return notKilled
}

// checkNext starts a process after one that was killed, and holds it against
// what the client of those before it knows.
func (n *node) checkNext(w *crashWalk) {
	n.t.Helper()
	p := n.start()
	p.checkAfterCrash(w)
	p.deleteEverything(w.handles)
	p.kill()
	n.store("verify")
	if n.t.Failed() {
		n.t.Logf("was asked last: %+v", w.asks)
	}
}

// checkAfterCrash compares a restarted service with what the client of the
// processes before it knows. Nova has been told of every bind that happened, and
// of no other.
func (p *process) checkAfterCrash(w *crashWalk) {
	p.t.Helper()
	c := p.client()
	p.comesToRest()
	got := look(c, w.find(c))
	p.mayDoubt = p.mayDoubt || got.unsure // that a device is held off is an error in the log
	var errs []error
	for _, may := range w.allowed() {
		err := may.differ(got, w.ids)
		if err == nil {
			errs = nil
			break
		}
		errs = append(errs, err)
	}
	for _, err := range errs {
		p.t.Errorf("after the restart: %v", err)
	}
	p.awaitHandles(c, w.handles)
	for _, a := range got.arqs {
		if status := map[string]string{"Bound": "completed", "BindFailed": "failed"}[a.State]; status != "" {
			w.owed = append(w.owed, eventOf(a.Instance, a.UUID, status))
		}
	}
	told := w.nova.Taken()
	for _, e := range w.owed {
		if !slices.Contains(told, e) {
			p.t.Errorf("Nova was never told of %+v", e)
		}
	}
	for _, e := range told {
		if !slices.Contains(w.owed, e) && !slices.Contains(w.may, e) {
			p.t.Errorf("Nova was told of %+v, which did not happen", e)
		}
	}
}

// comesToRest waits until nothing is under way.
func (p *process) comesToRest() {
	p.t.Helper()
	eventually(p.t, 20*time.Second, "nothing is under way", func() bool { return p.metrics().atRest(p.t) })
}

func (m page) atRest(t *testing.T) bool {
	t.Helper()
	return m.value(t, "arqd_outbox_depth") == 0 && m.handles(t).releasing == 0 &&
		m.value(t, "arqd_arqs", "state", "BindStarted") == 0 && m.value(t, "arqd_actors", "kind", "operation") == 0
}

// deleteEverything leaves a service without ARQs, profiles and added
// attributes, and all handles must be free then.
func (p *process) deleteEverything(handles int) {
	p.t.Helper()
	c := p.client()
	var arqs []string
	for _, a := range c.arqs("") {
		arqs = append(arqs, a.UUID)
	}
	if len(arqs) > 0 {
		c.delete(arqs...)
	}
	for _, f := range c.profiles() {
		c.want(http.StatusNoContent, http.MethodDelete, "/device_profiles/"+f.Name, nil)
	}
	p.comesToRest()
	p.awaitHandles(c, handles)
}
