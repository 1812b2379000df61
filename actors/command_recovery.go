package actors

import (
	"cmp"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// After a restart the commands on record are taken up where they were: the
// devices ask for them again, under the same ids, and a bind whose ARQs are
// BindStarted goes on. What was sent may have been begun, so also a command that
// nobody needs any more keeps its device until the agent has said what became of
// it. In a restored store they are old: they are forgotten.

// resumed is what is taken up of the commands on record.
type resumed struct {
	jobs map[uuid.UUID][]*job        // by device
	host map[string][]*commandRecord // by host, to be known
	drop []*commandRecord            // of which nothing is taken up
}

// resumeCommands finds what is to be taken up, and takes the ARQs of binds that go on
// from those that fail.
func (s *System) resumeCommands(f *recovered) *resumed {
	r := &resumed{jobs: map[uuid.UUID][]*job{}, host: map[string][]*commandRecord{}}
	known := map[uuid.UUID]*Device{}
	for _, d := range f.devices {
		known[d.UUID] = d
	}
	binds := map[uuid.UUID][]*commandRecord{}
	for _, rec := range f.commands {
		rec.resumed = true
		r.host[rec.Command.Host] = append(r.host[rec.Command.Host], rec)
		if known[rec.Device] == nil || f.awaits(rec.Command.Host) {
			r.drop = append(r.drop, rec)
			continue
		}
		known[rec.Device].loadsAgain(rec)
		binds[rec.Bind] = append(binds[rec.Bind], rec)
	}
	for _, bind := range inOrder(binds) {
		recs := binds[bind]
		markSent(known, recs)
		parts := f.partsOf(recs)
		if bind == uuid.Nil || len(parts) == 0 {
			s.resumeOrphans(r, known, recs)
			continue
		}
		s.resumeBind(r, known, recs, parts)
	}
	for device, jobs := range r.jobs {
		known[device].beginWithLoad(jobs)
	}
	return r
}

// loadsAgain has the end of a command that loads an image once more tell what is loaded. An
// older version had the first one on record.
func (d *Device) loadsAgain(rec *commandRecord) {
	if dep := d.named(rec.Command.Deployable); rec.loads() && rec.Bind == uuid.Nil && !rec.ended() && dep != nil && dep.Loading {
		dep.Loader = rec.Command.ID
	}
}

// beginWithLoad puts a job first that is loading something: whatever deadlines say, it was
// begun before the others.
func (d *Device) beginWithLoad(jobs []*job) {
	waits := func(j *job) int {
		if slices.ContainsFunc(j.commands, d.tells) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(jobs, func(a, b *job) int { return cmp.Compare(waits(a), waits(b)) })
}

// inOrder puts the commands of each bind in order, and gives the binds as they
// were accepted. A command of no bind, which has no deadline, is on record only
// while its device waits for it, so it comes first.
func inOrder(binds map[uuid.UUID][]*commandRecord) []uuid.UUID {
	for _, recs := range binds {
		slices.SortFunc(recs, func(a, b *commandRecord) int {
			return cmp.Or(slices.Compare(a.Device[:], b.Device[:]), cmp.Compare(a.Order, b.Order), slices.Compare(a.Command.ID[:], b.Command.ID[:]))
		})
	}
	return slices.SortedFunc(maps.Keys(binds), func(a, b uuid.UUID) int {
		return cmp.Or(cmp.Compare(binds[a][0].Deadline, binds[b][0].Deadline), slices.Compare(a[:], b[:]))
	})
}

// markSent marks what an agent may have been given: of loads that which is on record
// with its device, of all else what its device asks for when the one before is done, or
// was not needed.
func markSent(known map[uuid.UUID]*Device, recs []*commandRecord) {
	for i, rec := range recs {
		d := known[rec.Device]
		if rec.loads() {
			rec.mayBeSent = d.tells(rec.Command)
			continue
		}
		rec.mayBeSent = rec.Bind == uuid.Nil || i == 0 || recs[i-1].Device != rec.Device || recs[i-1].State == protocol.ResultDone ||
			d.has(recs[i-1].Command)
	}
}

// has says whether what a command loads is loaded already.
func (d *Device) has(c devices.Command) bool {
	dep := d.named(c.Deployable)
	return c.Kind == devices.ProgramFPGA && dep != nil && dep.BitstreamID == c.Image
}

// partsOf takes the ARQs of a bind from those that are to fail.
func (f *recovered) partsOf(recs []*commandRecord) (parts []*part) {
	for _, id := range recs[0].ARQs {
		if p := f.unsettled[id]; p != nil && recs[0].prepares(id, p.ask.generation) {
			parts = append(parts, p)
			delete(f.unsettled, id)
		}
	}
	return parts
}

// resumeBind goes on with the preparation of a bind, for the time that it has
// left.
func (s *System) resumeBind(r *resumed, known map[uuid.UUID]*Device, recs []*commandRecord, parts []*part) {
	byDevice := map[uuid.UUID][]*commandRecord{}
	for _, rec := range recs {
		byDevice[rec.Device] = append(byDevice[rec.Device], rec)
	}
	left, _ := s.left(recs[0])
	number := s.nextRound()
	op, idle := s.engine.embody(kindOperationActor, &operation{
		sys: s, purpose: forPatch, request: recs[0].Request, promise: newPromise[struct{}](),
		round: round{number: number}, phase: preparing, accepted: parts, records: recs, preparing: len(byDevice),
	}, preparationResumed{max(left, 0)})
	if idle {
		op.box.begin()
	}
	for device, recs := range byDevice {
		j := newRecordedJob(known[device], recs)
		j.then = func(err error) { s.engine.tell(op.pid, &commandsDone{number, err}) }
		r.jobs[device] = append(r.jobs[device], j)
	}
	s.log.Info("a bind that a restart has cut short goes on", "request_id", recs[0].Request, "arqs", len(parts), "left", left)
}

// tells says whether it is the end of a command that tells what is loaded.
func (d *Device) tells(c devices.Command) bool {
	dep := d.named(c.Deployable)
	return dep != nil && dep.loads(c.ID)
}

// resumeOrphans keeps devices busy with commands that may have been begun. What was not is
// nobody's any more, and its handles may be somebody else's.
func (s *System) resumeOrphans(r *resumed, known map[uuid.UUID]*Device, recs []*commandRecord) {
	for _, rec := range recs {
		if !rec.mayBeSent || rec.ended() && !known[rec.Device].tells(rec.Command) {
			r.drop = append(r.drop, rec)
			continue
		}
		r.jobs[rec.Device] = append(r.jobs[rec.Device], s.newOrphan(known[rec.Device], rec))
	}
}

// newOrphan is a job of a command for nobody.
func (s *System) newOrphan(d *Device, rec *commandRecord) *job {
	j := newRecordedJob(d, []*commandRecord{rec})
	j.then = func(error) { s.settledCommands([]*commandRecord{rec}) }
	return j
}

// newRecordedJob is a job of commands on record.
func newRecordedJob(d *Device, recs []*commandRecord) *job {
	j := &job{records: map[uuid.UUID]*commandRecord{}, programs: map[uuid.UUID]uuid.UUID{}, handles: recs[0].Handles}
	for _, rec := range recs {
		j.commands = append(j.commands, rec.Command)
		j.records[rec.Command.ID] = rec
		if rec.Command.Image == uuid.Nil {
			continue
		}
		if dep := d.named(rec.Command.Deployable); dep != nil {
			j.programs[dep.UUID] = rec.Command.Image
		}
	}
	return j
}

// tellHost sends a message to the actor of a host, if it has one.
func (s *System) tellHost(name string, msg any) {
	if e := s.hosts.of(name); e != nil {
		s.engine.tell(e.pid, msg)
	}
}

// dropCommands has the hosts forget commands that no device will ask for.
func (s *System) dropCommands(recs []*commandRecord) {
	for _, rec := range recs {
		s.tellHost(rec.Command.Host, &commandSettled{rec: rec, drop: true})
	}
}

// settledCommands tells the hosts that nobody rests on commands any more.
func (s *System) settledCommands(recs []*commandRecord) {
	for _, rec := range recs {
		s.tellHost(rec.Command.Host, &commandSettled{rec: rec})
	}
}
