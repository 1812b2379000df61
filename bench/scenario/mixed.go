package scenario

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/arqd/arqd/bench/rest"
)

// kinds of work that a mix is made of.
var kinds = []string{"boot", "create", "instance", "page", "show"}

// DefaultMix is the shares of a quiet day: mostly reads.
func DefaultMix() map[string]float64 {
	return map[string]float64{"show": 40, "instance": 30, "page": 5, "create": 10, "boot": 15}
}

func checkMix(mix map[string]float64) error {
	sum := 0.0
	for kind, share := range mix {
		if !slices.Contains(kinds, kind) {
			return fmt.Errorf("a mix has shares of %q, not of %q", kinds, kind)
		}
		if !(share >= 0 && share <= math.MaxFloat32) { // not a number is neither
			return fmt.Errorf("the share of %s is %v", kind, share)
		}
		sum += share
	}
	if mix != nil && !(sum > 0) {
		return fmt.Errorf("the shares of the mix come to %v", sum)
	}
	return nil
}

// mixed is all kinds of calls at the same time, by their shares. An ARQ that is
// made is deleted by the same iteration.
func (r *run) mixed() ([]stage, error) {
	if r.Mix == nil {
		r.Mix = DefaultMix()
	}
	if err := r.findPlaces(); err != nil {
		return nil, err
	}
	profile, err := r.profileOf(r.ARQs)
	if err != nil {
		return nil, err
	}
	if cap(r.places) < 2 {
		return nil, errors.New("the devices have no room for an instance to boot and one to read")
	}
	s := &stock{}
	if s.ids, err = r.bulk(max(1, r.Stored)); err != nil {
		return nil, err
	}
	most := min(mostInstances, cap(r.places)/2)
	if s.instances, err = r.bindSome(most); err != nil && len(s.instances) == 0 {
		return nil, err
	}
	if err != nil {
		r.note("reads by instance are of %d, and not of %d: %v", len(s.instances), most, err)
	}
	steps := map[string]func(*work){
		"boot": r.ifRoom(profile), "create": r.comeAndGo(profile),
		"show": r.shows("show one", s), "instance": r.byInstance("instance", s), "page": r.pages("page", s),
	}
	if r.Mix["page"] > 0 && !r.hasPages() {
		if delete(steps, "page"); r.total(steps) == 0 {
			return nil, errors.New("the service has no pages, and the mix has nothing else")
		}
	}
	return []stage{{phases: []phase{{name: "mixed", plan: r.plan(), step: r.choose(steps)}}}}, nil
}

// total is what the shares of steps come to.
func (r *run) total(steps map[string]func(*work)) (sum float64) {
	for name := range steps {
		sum += r.Mix[name]
	}
	return sum
}

// choose has each iteration do one of the steps, by the shares of the mix.
func (r *run) choose(steps map[string]func(*work)) func(*work) {
	names, total := slices.Sorted(maps.Keys(steps)), r.total(steps)
	return func(w *work) {
		at, begin := w.rng.Float64()*total, w.start
		for _, name := range names {
			if at -= r.Mix[name]; at < 0 {
				steps[name](w)
				break
			}
		}
		w.rec.Sum("mixed", "done", true, w.start.Sub(begin), 0)
	}
}

// ifRoom boots an instance if there is a free place for it.
func (r *run) ifRoom(profile string) func(*work) {
	return func(w *work) {
		select {
		case place := <-r.places:
			r.life(w, profile, place)
		default:
			w.rec.Sum("boot", "no free place", false, 0, 0)
		}
	}
}

// comeAndGo makes ARQs and deletes them.
func (r *run) comeAndGo(profile string) func(*work) {
	body := rest.CreateBody(profile)
	return func(w *work) {
		ids, _ := r.make(w, "create", body, false)
		if len(ids) == 0 {
			return
		}
		a := w.call("delete", func() rest.Answer { return r.Client.Delete(w.ctx, ids...) }, func(*rest.Answer) int { return len(ids) })
		if a.OK() {
			r.ledger.gone(ids...)
		}
	}
}
