package actors

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// Hardware carries out commands on devices of hosts without an agent: the
// built-in fake ones. Do returns when the device has finished; a command whose ID
// it knows is not done twice.
type Hardware interface {
	Do(ctx context.Context, c devices.Command) error
}

// job is a sequence of commands on one device, and what follows.
type job struct {
	commands []devices.Command
	handles  []uuid.UUID // that it prepares
	then     func(error)
	alone    bool                         // loads only while no handle is, or gets, taken
	programs map[uuid.UUID]uuid.UUID      // the deployables that it loads images into, and which
	records  map[uuid.UUID]*commandRecord // of the commands that are on record, by their ids
}

// jobQueue runs the jobs of one device one after another, each command off
// the mailbox.
type jobQueue struct {
	running *job
	queued  []*job
}

// loading gives the image that is being, or is about to be, loaded into a
// deployable.
func (q *jobQueue) loading(dep uuid.UUID) (image uuid.UUID, is bool) {
	for _, j := range append([]*job{q.running}, q.queued...) {
		if j != nil && !is {
			image, is = j.programs[dep]
		}
	}
	return image, is
}

// has says whether a command is still to be carried out.
func (q *jobQueue) has(command uuid.UUID) bool {
	is := func(c devices.Command) bool { return c.ID == command }
	return slices.ContainsFunc(q.queued, func(j *job) bool { return slices.ContainsFunc(j.commands, is) })
}

// prepares says whether the device works, or is about to work, on a handle.
func (q *jobQueue) prepares(handle uuid.UUID) bool {
	is := func(j *job) bool { return slices.Contains(j.handles, handle) }
	return q.running != nil && is(q.running) || slices.ContainsFunc(q.queued, is)
}

func (q *jobQueue) add(a *deviceActor, j *job) {
	q.queued = append(q.queued, j)
	q.start(a)
}

func (q *jobQueue) start(a *deviceActor) {
	if q.running == nil && len(q.queued) > 0 {
		q.running = q.queued[0]
		q.queued = q.queued[1:]
		q.step(a)
	}
}

// step begins the next command of the running job, or ends the job.
func (q *jobQueue) step(a *deviceActor) {
	if len(q.running.commands) == 0 {
		q.end(a, nil)
		return
	}
	c := q.running.commands[0]
	if err := a.sys.stopping.Err(); err != nil { // what was waited for last may go on
		q.end(a, deviceFailed(c, err))
		return
	}
	rec := q.running.records[c.ID]
	if rec != nil && a.over(rec) {
		q.notBegun(a, c)
		q.end(a, deviceFailed(c, errors.New("its bind is over")))
		return
	}
	if c.Kind != devices.ProgramFPGA {
		q.do(a, c)
		return
	}
	dep := a.dev.named(c.Deployable)
	switch {
	case a.dev.has(c) && !a.startedSince() && !q.running.alone:
		q.next(a, nil) // another bind has loaded it
	case dep != nil && rec != nil && rec.ended() && !dep.loads(c.ID):
		q.outdated(a, c, rec)
	default:
		q.load(a, c, q.running.alone, func(err error) {
			if err != nil {
				q.notBegun(a, c)
			}
		})
	}
}

// load begins to load an image, and says before that whether it may: what is loaded is
// unknown from the first moment that it may be touched.
func (q *jobQueue) load(a *deviceActor, c devices.Command, alone bool, recorded func(error)) {
	a.waiting = append(a.waiting, &recordImage{deployable: c.Deployable, stage: loadBegins, command: c.ID, alone: alone, then: func(err error) {
		recorded(err)
		if err != nil {
			q.end(a, err)
			return
		}
		q.do(a, c)
	}})
}

// over says whether a command of a bind that nobody has begun is for nobody any more: its
// host may not remember that its record is gone.
func (a *deviceActor) over(rec *commandRecord) bool {
	if rec.Bind == uuid.Nil || rec.mayBeSent || rec.ended() {
		return false
	}
	for i, id := range rec.ARQs {
		if q, ok := a.sys.dir.arq(id); ok && i < len(rec.Generations) && q.Generation == rec.Generations[i] {
			return false
		}
	}
	return true
}

// outdated goes on after a load that had ended before a restart, and that the device had
// drawn its conclusions from: an image that it loaded and that is not there any more has
// been lost since.
func (q *jobQueue) outdated(a *deviceActor, c devices.Command, rec *commandRecord) {
	if err := rec.failure(); err != nil {
		a.sys.tellHost(c.Host, commandNoted{c.ID})
		q.end(a, deviceFailed(c, err))
		return
	}
	if dep := a.dev.named(c.Deployable); dep.Lost != nil && a.othersHave(dep) {
		a.sys.tellHost(c.Host, commandNoted{c.ID})
		q.end(a, dep.inUse())
		return
	}
	q.loadAgain(a, c)
}

// notBegun tells the host of a command that it never was begun, not even before a
// restart: what is loaded would not be known then.
func (q *jobQueue) notBegun(a *deviceActor, c devices.Command) {
	if rec := q.running.records[c.ID]; rec != nil {
		a.sys.tellHost(rec.Command.Host, commandNotBegun{rec.Command.ID})
	}
}

func (q *jobQueue) do(a *deviceActor, c devices.Command) {
	self := a.self
	rec := q.running.records[c.ID]
	if rec == nil {
		rec = &commandRecord{Command: c, Device: a.dev.UUID, Handles: q.running.handles}
	}
	if makes(&c) {
		a.makers[c.Handle] = c.ID
	}
	a.sys.work(func(ctx context.Context) {
		var function string
		err := contained(func() (err error) {
			function, err = a.sys.do(ctx, rec)
			return err
		})
		a.sys.engine.tell(self, commandDone{function, err})
	})
}

// finished is called with the end of the command that ran, and with what the
// image does that it has loaded.
func (q *jobQueue) finished(a *deviceActor, function string, err error) {
	if q.running == nil {
		return
	}
	c := q.running.commands[0]
	if err != nil {
		err = deviceFailed(c, err)
	}
	stopping := err != nil && a.sys.stopping.Err() != nil // nobody waited for the device's end
	switch {
	case c.Kind != devices.ProgramFPGA || stopping:
		q.next(a, err)
	default:
		m := &recordImage{deployable: c.Deployable, stage: stageAfter(err), image: c.Image, function: function}
		m.then = func(unwritten error) {
			if errors.Is(unwritten, errOutdated) {
				q.loadAgain(a, c)
				return
			}
			if a.sys.stopping.Err() == nil || unwritten == nil {
				a.sys.tellHost(c.Host, commandNoted{c.ID})
			}
			q.next(a, cmp.Or(err, unwritten))
		}
		a.waiting = append(a.waiting, m)
	}
}

// next goes on after a command, unless that has failed.
func (q *jobQueue) next(a *deviceActor, err error) {
	if err != nil {
		q.end(a, err)
		return
	}
	q.running.commands = q.running.commands[1:]
	q.step(a)
}

// deviceFailed is the failure of a command.
func deviceFailed(c devices.Command, err error) error {
	return failure(CodeDeviceFailed, err, string(c.Kind)+" failed on host "+c.Host)
}

// loadAgain loads an image once more. It may have been loaded before its host was
// started again: an agent tells late what it has done. From now on the end of the next
// command counts, and no other.
func (q *jobQueue) loadAgain(a *deviceActor, c devices.Command) {
	before := c.ID
	c.ID = uuid.New()
	q.running.commands = slices.Concat([]devices.Command{c}, q.running.commands[1:])
	q.load(a, c, false, func(err error) {
		if a.sys.stopping.Err() == nil || err == nil {
			a.sys.tellHost(c.Host, commandNoted{before})
		}
	})
}

func (q *jobQueue) end(a *deviceActor, err error) {
	j := q.running
	q.running = nil
	if err != nil && a.sys.stopping.Err() == nil {
		q.queued = slices.Concat(j.left(a), q.queued)
	}
	j.then(err)
	q.start(a)
	a.cleanUp()
}

// left are the jobs that a job leaves which has failed: what an agent may have begun of it
// before a restart is waited for.
func (j *job) left(a *deviceActor) (jobs []*job) {
	for _, c := range j.commands[min(1, len(j.commands)):] {
		if rec := j.records[c.ID]; rec != nil && rec.mayBeSent {
			jobs = append(jobs, a.sys.newOrphan(a.dev, rec))
		}
	}
	return jobs
}

// prepare starts the commands of a bind that was accepted.
func (a *deviceActor) prepare(o *deviceOffer) {
	j := &job{commands: o.commands, programs: map[uuid.UUID]uuid.UUID{}, records: map[uuid.UUID]*commandRecord{}}
	for _, rec := range o.records {
		j.records[rec.Command.ID] = rec
	}
	for _, c := range o.taken {
		j.handles = append(j.handles, c.after.UUID)
	}
	for _, c := range o.commands {
		if c.Kind == devices.ProgramFPGA {
			j.programs[a.named(c.Deployable)] = c.Image
		}
	}
	op := o.op
	j.then = func(err error) { a.sys.engine.tell(op.pid, &commandsDone{op.number, err}) }
	a.jobs.add(a, j)
}

func (a *deviceActor) named(name string) uuid.UUID {
	if dep := a.dev.named(name); dep != nil {
		return dep.UUID
	}
	return uuid.Nil
}
