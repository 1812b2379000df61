package actors

import (
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

func TestABodyIsOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(slog.New(slog.DiscardHandler))
		first, second := &engineDummy{goesAfter: 2}, &engineDummy{goesAfter: 2}
		embody := func(kind actorKind, d *engineDummy, first any) *actor.PID {
			a, idle := e.embody(kind, d, first)
			if idle {
				e.visit(a.box)
			}
			return a.pid
		}
		pid := embody(kindARQActor, first, "one")
		other := embody(kindARQActor, &engineDummy{goesAfter: 2}, "one")
		synctest.Wait()
		if pid == other || e.active[kindARQActor].Load() != 2 {
			t.Fatal("two at the same time share a body")
		}
		e.tell(pid, "two") // the first goes
		synctest.Wait()
		e.tell(pid, "late")
		synctest.Wait()
		again := embody(kindOperationActor, second, nil)
		if again != pid {
			t.Error("the body was not used again")
		}
		e.tell(again, "one")
		synctest.Wait()
		if first.heard != 2 || second.heard != 1 {
			t.Errorf("the first heard %d messages and the second %d, want 2 and 1", first.heard, second.heard)
		}
		if arqs, ops := e.active[kindARQActor].Load(), e.active[kindOperationActor].Load(); arqs != 1 || ops != 1 {
			t.Errorf("%d ARQs and %d operations are active, want one of each", arqs, ops)
		}
		e.system.Shutdown()
		<-time.After(2 * time.Second)
	})
}

// A panic that is the end of somebody leaves a body that can be used.
func TestABodySurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(slog.New(slog.DiscardHandler))
		p := newPromise[struct{}]()
		gone, idle := e.embody(kindOperationActor, &engineDummy{goesAfter: 1}, &setEnabled{promise: p})
		if idle {
			gone.box.begin()
		}
		if _, err := p.wait(t.Context(), newPatience(time.Second)); ErrorCode(err) != CodeInternal || err == nil {
			t.Fatalf("answered %v", err)
		}
		synctest.Wait()
		next := &engineDummy{}
		again, idle := e.embody(kindOperationActor, next, "one")
		if again != gone || !idle {
			t.Error("the body was not used again")
		}
		again.box.visit()
		if next.heard != 1 {
			t.Error("who came next heard nothing")
		}
		e.system.Shutdown()
		<-time.After(2 * time.Second)
	})
}

func TestOnlySoManyBodiesWait(t *testing.T) {
	var b bodies
	all := make([]address, mostBodies+1)
	for i := range all {
		all[i].pid = &actor.PID{}
		if kept := b.rest(all[i]); kept != (i < mostBodies) {
			t.Fatalf("of %d bodies the last was kept: %v", i+1, kept)
		}
	}
	for i := range mostBodies {
		if a, ok := b.take(); !ok || a != all[mostBodies-1-i] {
			t.Fatal("not the one that was used last")
		}
	}
	if _, ok := b.take(); ok {
		t.Error("one too many")
	}
}

// lateAnswers are all that an operation may be told when it has gone.
func lateAnswers() []any {
	return []any{
		&arqProposal{round: 6}, &deviceProposal{round: 6}, &profileProposal{round: 6}, &batchDone{round: 6, batch: &batch{}},
		&commandsDone{round: 6},
		bindDeadline{round: 6},
		withdraw{6},
	}
}

// What comes for an operation that has gone is heard by operations alone, who know
// their rounds.
func TestALateAnswerIsHeardByNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(slog.New(slog.DiscardHandler))
		for kind, want := range map[actorKind]int{
			kindOperationActor: 1 + len(lateAnswers()),
			kindARQActor:       1, kindProfileActor: 1, kindProjectActor: 1,
		} {
			d := &engineDummy{}
			a, idle := e.embody(kind, d, "one")
			if idle {
				a.box.begin()
			}
			for _, msg := range lateAnswers() {
				e.tell(a.pid, msg)
			}
			synctest.Wait()
			if d.heard != want {
				t.Errorf("%s heard %d messages, want %d", kindNames[kind], d.heard, want)
			}
		}
		e.system.Shutdown()
		<-time.After(2 * time.Second)
	})
}

// An ARQ that has the body of an operation answers whoever asks while it is about
// to leave, also when that operation was told something late: a device has ended
// its work after the time for a bind was up.
func TestALateAnswerTakesNoMessageFromAnARQ(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.profile("one")
		id := w.create("one", 1)[0]
		asks := func(d *engineDummy, number uint64) *proposeARQ {
			pid := w.sys.engine.spawn(kindOperationActor, d)
			return &proposeARQ{op: round{pid, number}, engine: w.sys.engine, ask: arqAsk{event: evDelete, scope: Scope{Admin: true}}}
		}
		one, other := &engineDummy{}, &engineDummy{}
		first, second := asks(one, 1001), asks(other, 1002)
		w.sys.arqs.tell(id, first)
		synctest.Wait()
		w.sys.engine.tell(w.sys.arqs.shard(id).slots[id].pid, &commandsDone{round: 6})
		synctest.Wait()
		w.sys.engine.before = func(_ actorKind, msg any) {
			if m, is := msg.(*decided); is && m.op == first.op {
				w.sys.arqs.tell(id, second)
			}
		}
		w.sys.arqs.tell(id, &decided{op: first.op})
		synctest.Wait()
		w.sys.engine.before = nil
		if one.heard != 1 || other.heard != 1 {
			t.Errorf("the first had %d answers and the second %d, want one each", one.heard, other.heard)
		}
		w.sys.arqs.tell(id, &decided{op: second.op})
	})
}

// What belongs to an earlier round, of this operation or of one that had its
// address, changes nothing, whatever the operation waits for.
func TestAnOperationHearsItsOwnRound(t *testing.T) {
	sys := &System{}
	id := uuid.New()
	late := []any{
		&arqProposal{round: 6, arq: &ARQ{UUID: id}},
		&deviceProposal{round: 6},
		&batchDone{round: 6, batch: &batch{}, result: persistence.Result{Outcome: persistence.Won}},
		&commandsDone{round: 6},
		bindDeadline{round: 6},
	}
	for _, at := range []phase{asking, askingDevices, writing, preparing} {
		parts, devs := []*part{{id: id}}, []*devicePart{{device: &Device{}}}
		o := &operation{
			sys: sys, promise: newPromise[struct{}](), round: round{number: 7},
			phase: at, awaited: 1, preparing: 1, parts: slices.Clone(parts), devices: slices.Clone(devs),
		}
		for _, msg := range late {
			o.hear(msg)
		}
		if o.phase != at || o.awaited != 1 || o.preparing != 1 || o.parts[0].arq != nil || o.devices[0].proposal != nil {
			t.Errorf("in phase %d an operation took what was meant for another", at)
		}
	}
}

func TestADeletionHearsItsOwnRound(t *testing.T) {
	o := &profileDeletion{
		promise: newPromise[struct{}](), round: round{number: 7},
		profiles: []*Profile{nil}, errs: []error{nil}, awaited: 1,
	}
	for _, msg := range []any{
		&profileProposal{round: 6, profile: &Profile{}}, withdraw{6}, &batchDone{round: 6, result: persistence.Result{Outcome: persistence.Won}},
	} {
		o.hear(msg)
	}
	if o.done || o.awaited != 1 || o.profiles[0] != nil {
		t.Error("a deletion took what was meant for another")
	}
}
