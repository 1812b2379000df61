package scenario

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/measure"
	"github.com/arqd/arqd/bench/report"
	"github.com/arqd/arqd/bench/rest"
)

const (
	cleaners   = 16  // requests at a time
	cleanBatch = 100 // ARQs of a request: a URL of 4 KiB
	sweepPage  = 1000
	mostErrors = 5 // that are told
	// patience is for how long a service may refuse what is not measured because
	// there is too much to do.
	patience = time.Minute
)

// cleaner deletes, and tells what it could not.
type cleaner struct {
	client   *rest.Client
	ctx      context.Context
	progress *measure.Recorder // nil: nobody watches

	mu       sync.Mutex
	arqs     int // deleted
	profiles int
	left     map[uuid.UUID]bool
	unsure   bool // of a deletion that was not answered
	errors   []string
}

func newCleaner(ctx context.Context, client *rest.Client) *cleaner {
	return &cleaner{client: client.Patient(patience), ctx: ctx, left: map[uuid.UUID]bool{}}
}

// gone takes down that ARQs do not exist any more.
func (c *cleaner) gone(ids ...uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arqs += len(ids)
	for _, id := range ids {
		delete(c.left, id)
	}
}

func (c *cleaner) failed(what string, a *rest.Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsure = c.unsure || a.Unanswered()
	if text := fmt.Sprintf("%s: %v", what, a.Fault()); len(c.errors) < mostErrors && !slices.Contains(c.errors, text) {
		c.errors = append(c.errors, text)
	}
}

// instances unbinds and deletes what instances have, and gives the ARQs that
// went. What did not is deleted by its uuid, too.
func (c *cleaner) instances(all map[uuid.UUID][]uuid.UUID) (gone map[uuid.UUID]bool) {
	gone = map[uuid.UUID]bool{}
	each(c.ctx, cleaners, slices.Collect(maps.Keys(all)), func(instance uuid.UUID) {
		a := c.client.DeleteOfInstance(c.ctx, instance)
		if !a.OK() {
			c.failed("deleting the ARQs of an instance", &a)
			return
		}
		c.gone(all[instance]...)
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, id := range all[instance] {
			gone[id] = true
		}
	})
	return gone
}

// delete deletes ARQs. A service refuses a request that names one which is
// gone; then each is tried by itself.
func (c *cleaner) delete(ids []uuid.UUID) {
	for _, id := range ids {
		c.left[id] = true
	}
	each(c.ctx, cleaners, slices.Collect(slices.Chunk(ids, cleanBatch)), func(some []uuid.UUID) {
		begin := time.Now()
		a := c.client.Delete(c.ctx, some...)
		if c.progress != nil {
			c.progress.Add("delete", a.Outcome, a.OK(), time.Since(begin), len(some))
			c.progress.Over()
		}
		switch {
		case a.OK():
			c.gone(some...)
		case len(some) == 1 || a.Status == 0:
			c.failed("deleting ARQs", &a)
		default:
			for _, id := range some {
				c.deleteOne(id)
			}
		}
	})
	if c.ctx.Err() != nil {
		c.failed("deleting ARQs", &rest.Answer{Outcome: rest.OutcomeTimeout, Err: c.ctx.Err()})
	}
}

func (c *cleaner) deleteOne(id uuid.UUID) {
	a := c.client.Delete(c.ctx, id)
	if a.OK() || a.Status == http.StatusNotFound {
		c.gone(id)
		return
	}
	c.failed("deleting ARQs", &a)
}

// sweep deletes all ARQs of profiles, by looking at every ARQ that there is. So
// what was thought to be left and is not there has gone.
func (c *cleaner) sweep(ours func(profile string) bool) error {
	ids := map[uuid.UUID]bool{}
	instances := map[uuid.UUID][]uuid.UUID{}
	take := func(arqs []rest.ARQ) {
		for i := range arqs {
			a := &arqs[i]
			if ids[a.UUID] || !ours(a.Profile) {
				continue
			}
			ids[a.UUID] = true
			if instance, err := uuid.Parse(a.Instance); err == nil {
				instances[instance] = append(instances[instance], a.UUID)
			}
		}
	}
	if err := c.walk(take); err != nil {
		return fmt.Errorf("looking for ARQs: %w", err)
	}
	for id := range maps.Clone(c.left) {
		if !ids[id] {
			c.gone(id)
		}
	}
	for id := range c.instances(instances) {
		delete(ids, id)
	}
	c.delete(slices.Collect(maps.Keys(ids)))
	return nil
}

// walk looks at all ARQs, in pages if the service has them.
func (c *cleaner) walk(take func([]rest.ARQ)) error {
	behind := uuid.Nil
	for c.ctx.Err() == nil {
		a := c.client.Page(c.ctx, sweepPage, behind)
		if behind == uuid.Nil && a.Status == http.StatusBadRequest {
			a = c.client.List(c.ctx)
			arqs, err := rest.ReadARQs(a)
			take(arqs)
			return err
		}
		arqs, err := rest.ReadARQs(a)
		if err != nil || len(arqs) == 0 {
			return err
		}
		take(arqs)
		last := arqs[len(arqs)-1].UUID
		if last == behind || len(arqs) > sweepPage { // it knows no pages, and gives everything
			return nil
		}
		behind = last
	}
	return c.ctx.Err()
}

// Clean removes what runs have left behind, killed ones too: all device profiles
// with the Prefix, and their ARQs. None of them may be under way.
func Clean(ctx context.Context, client *rest.Client) (report.Cleanup, error) {
	done := report.Cleanup{LeftProfiles: []string{}, Errors: []string{}}
	names, err := rest.ReadProfiles(client.Profiles(ctx))
	if err != nil {
		return done, fmt.Errorf("looking for device profiles: %w", err)
	}
	ours := func(name string) bool { return strings.HasPrefix(name, Prefix) }
	c := newCleaner(ctx, client)
	if err := c.sweep(ours); err != nil {
		return done, err
	}
	for _, name := range names {
		if ours(name) && !c.profile(name) {
			done.LeftProfiles = append(done.LeftProfiles, name)
		}
	}
	done.DeletedARQs, done.DeletedProfiles, done.LeftARQs = c.arqs, c.profiles, len(c.left)
	done.Errors = append(done.Errors, c.errors...)
	return done, nil
}

// profile deletes a profile, after its ARQs.
func (c *cleaner) profile(name string) (gone bool) {
	a := c.client.DeleteProfile(c.ctx, name)
	if a.Unanswered() {
		a = c.client.DeleteProfile(c.ctx, name)
	}
	if a.Status == http.StatusConflict {
		if err := c.sweep(func(of string) bool { return of == name }); err == nil {
			a = c.client.DeleteProfile(c.ctx, name)
		}
	}
	switch {
	case a.OK():
		c.profiles++
	case a.Status == http.StatusNotFound: // it was never made
	default:
		c.failed("deleting a device profile", &a)
		return false
	}
	return true
}

// tidy deletes what a repetition left behind, so that the next one finds what
// it found.
func (r *run) tidy() {
	if r.Keep || r.stopped() {
		return // all stays, or goes at once
	}
	ids := r.ledger.passing(false)
	if len(ids) == 0 {
		return
	}
	ctx, cancel := r.bounded(r.ctx)
	defer cancel()
	c := newCleaner(ctx, r.Client)
	stop := r.watch(c, fmt.Sprintf("deleting %d ARQs", len(ids)), len(ids))
	c.delete(ids)
	stop()
	for _, id := range ids {
		if !c.left[id] {
			r.ledger.gone(id)
		}
	}
	r.file.Cleanup.DeletedARQs += c.arqs
}

// cleanUp deletes all that the run made, and says what it could not.
func (r *run) cleanUp(ctx context.Context) {
	done := &r.file.Cleanup
	done.LeftProfiles, done.Errors = []string{}, []string{}
	profiles, unsure := r.ledger.rest()
	if done.Kept = r.Keep; r.Keep {
		return
	}
	ids := r.ledger.passing(true)
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	c := newCleaner(ctx, r.Client)
	stop := r.watch(c, fmt.Sprintf("deleting %d ARQs and %d device profiles", len(ids), len(profiles)), len(ids))
	gone := c.instances(r.ledger.instancesLeft())
	c.delete(slices.DeleteFunc(ids, func(id uuid.UUID) bool { return gone[id] }))
	stop()
	if unsure > 0 || c.unsure { // what was not answered may have been carried out
		if err := c.sweep(func(name string) bool { return slices.Contains(profiles, name) }); err != nil {
			done.LeftARQs = -1
			c.errors = append(c.errors, err.Error())
		}
	}
	for _, name := range profiles {
		if !c.profile(name) {
			done.LeftProfiles = append(done.LeftProfiles, name)
		}
	}
	done.DeletedARQs += c.arqs
	done.DeletedProfiles = c.profiles
	if done.LeftARQs == 0 {
		done.LeftARQs = len(c.left)
	}
	done.Errors = append(done.Errors, c.errors...)
}

// watch shows how far a cleaner is, with as many ARQs to delete, until stop is
// called.
func (r *run) watch(c *cleaner, title string, arqs int) (stop func()) {
	r.Progress.begin(title, measure.Plan{Count: int64(arqs+cleanBatch-1) / cleanBatch})
	c.progress = measure.NewRecorder()
	return r.Progress.follow(c.progress)
}

// bounded gives a context for work that must end although the run is stopped.
func (r *run) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, r.CleanupLimit)
}
