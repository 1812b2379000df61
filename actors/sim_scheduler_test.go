package actors

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"
)

// scheduler is where a simulation's devices can be seen. What is there outlives
// the processes that put it there. history.mu guards it.
type scheduler struct {
	s         *simulation
	providers map[uuid.UUID]*seenProvider
	rng       *rand.Rand // nil: it never fails
}

// seenProvider is one that exists.
type seenProvider struct {
	classes map[string][2]int // total and reserved
	traits  map[string]bool
}

// foreign is a trait that somebody else gives each provider.
const foreign = "CUSTOM_SOMEBODY_ELSES"

func (s *simulation) withScheduler(rng *rand.Rand) {
	s.scheduler = &scheduler{s: s, providers: map[uuid.UUID]*seenProvider{}, rng: rng}
}

// shows is the scheduler as one process knows it.
type shows struct {
	*scheduler
	l *life
}

// Show is as Inventory says. When it fails, some of it is done.
func (p *shows) Show(_ context.Context, want *Supply) (int, error) {
	p.s.point(p.l, "show")
	if p.l.isDead() {
		return 0, errDead
	}
	changes, err := p.show(want)
	p.s.point(p.l, "shown")
	if p.l.isDead() {
		return 0, errDead
	}
	return changes, err
}

func (p *scheduler) show(want *Supply) (changes int, err error) {
	h := p.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range want.Providers {
		changes += p.showProvider(want, &want.Providers[i])
		if p.rng != nil && p.rng.IntN(6) == 0 {
			return changes, errors.Join(ErrInventoryAway, errMachine)
		}
	}
	return changes, nil
}

func (p *scheduler) showProvider(want *Supply, show *Provider) (changes int) {
	seen := p.providers[show.UUID]
	if show.Gone {
		delete(p.providers, show.UUID)
		return 1
	}
	if seen == nil {
		seen = &seenProvider{classes: map[string][2]int{}, traits: map[string]bool{foreign: true}}
		p.providers[show.UUID] = seen
	}
	p.wantNoted(want.Device, show)
	for _, t := range show.FormerTraits {
		delete(seen.traits, t)
	}
	for _, c := range show.FormerClasses {
		delete(seen.classes, c)
	}
	for _, t := range show.Traits {
		if !seen.traits[t] {
			seen.traits[t] = true
			changes++
		}
	}
	if now := [2]int{show.Total, show.Reserved}; show.Class != "" && seen.classes[show.Class] != now {
		seen.classes[show.Class] = now
		changes++
	}
	return changes
}

// wantNoted wants on record what is shown, before it is.
func (p *scheduler) wantNoted(device uuid.UUID, show *Provider) {
	h := p.s.history
	noted := shownProvider{}
	if rec := latestOf[shown](h, shownKey(device)); rec != nil {
		noted = rec.Providers[show.UUID]
	}
	lacks := slices.ContainsFunc(show.Traits, func(t string) bool { return !slices.Contains(noted.Traits, t) })
	if lacks || show.Class != "" && !slices.Contains(noted.Classes, show.Class) {
		h.violated("%s is shown as %+v, and only %+v is on record", show.Name, show, noted)
	}
}

// wantSeen compares what can be seen with what is, at rest.
func (p *scheduler) wantSeen() {
	if p == nil {
		return
	}
	h := p.s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	expected := 0
	for _, d := range latest[Device](h, kindDevice) {
		for _, want := range d.supply(false, d.Hostname).Providers {
			expected++
			if seen := p.providers[want.UUID]; seen == nil {
				h.violated("%s cannot be seen", want.Name)
			} else if text := seen.differs(&want); text != "" {
				h.violated("%s is %+v and is seen %s", want.Name, want, text)
			}
		}
	}
	if len(p.providers) != expected {
		h.violated("%d providers can be seen of %d deployables", len(p.providers), expected)
	}
}

func (s *seenProvider) differs(want *Provider) string {
	traits := append([]string{foreign}, want.Traits...)
	same := len(traits) == len(s.traits) && len(s.classes) == 1 && s.classes[want.Class] == [2]int{want.Total, want.Reserved}
	for _, t := range traits {
		same = same && s.traits[t]
	}
	if same {
		return ""
	}
	return fmt.Sprintf("with %v and traits %v", s.classes, s.traits)
}
