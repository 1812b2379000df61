package actors

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/arqd/arqd/persistence"
)

// traitOwner marks providers that Nova leaves to us.
const traitOwner = "OWNER_CYBORG"

// supply is what the scheduler shall see of a device. A disabled one is there,
// with all of it reserved: what guests have they keep.
// The same is true of one on a dead host. root is the name of the host's provider.
func (d *Device) supply(hostDead bool, root string) *Supply {
	s := &Supply{Device: d.UUID, Host: d.Hostname, Root: root}
	for _, dep := range d.Deployables {
		p := Provider{UUID: dep.ProviderUUID, Name: dep.Name, Traits: dep.shownTraits()}
		if class := dep.resourceClass(); class != "" && dep.NumAccelerators > 0 {
			p.Class, p.Total = schedulerName(class), dep.NumAccelerators
		}
		if d.Maintaining() || hostDead {
			p.Reserved = p.Total
		}
		s.Providers = append(s.Providers, p)
	}
	return s
}

// goneSupply is what the scheduler shall see of a device that is gone: nothing of
// what it was shown.
func goneSupply(device uuid.UUID, sh *shown, was *Device) *Supply {
	s := &Supply{Device: device}
	names := map[uuid.UUID]string{}
	if was != nil {
		s.Host = was.Hostname
		for _, dep := range was.Deployables {
			names[dep.ProviderUUID] = dep.Name
		}
	}
	for id := range sh.Providers {
		s.Providers = append(s.Providers, Provider{UUID: id, Name: names[id], Gone: true})
	}
	return s
}

// besides gives what is shown and is not in a supply, as what is to go.
func (s *shown) besides(want *Supply) []Provider {
	var gone []Provider
	for id := range s.Providers {
		if !slices.ContainsFunc(want.Providers, func(p Provider) bool { return p.UUID == id }) {
			gone = append(gone, Provider{UUID: id, Gone: true})
		}
	}
	slices.SortFunc(gone, func(p, q Provider) int { return slices.Compare(p.UUID[:], q.UUID[:]) })
	return gone
}

func (d *Deployable) shownTraits() []string {
	traits := []string{traitOwner}
	for _, t := range d.traits() {
		if t = schedulerName(t); t != "" {
			traits = append(traits, t)
		}
	}
	slices.Sort(traits)
	return slices.Compact(traits)
}

// schedulerName makes of text a name as the scheduler takes them: capital
// letters, digits and underscores.
func schedulerName(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, text)
}

// kindShown has, per device, what may be seen of it by the scheduler because of
// us. It is written before it is shown and cut back afterwards, so that what
// goes from the device later can be told from what others have put there.
const kindShown persistence.Kind = "shown"

func shownKey(device uuid.UUID) persistence.Key { return persistence.Key{Kind: kindShown, ID: device} }

// shown is the record.
type shown struct {
	Generation uint64                      `json:"-"`
	Providers  map[uuid.UUID]shownProvider `json:"providers"`
}

// shownProvider is what may be seen of one provider, each list sorted.
type shownProvider struct {
	Classes []string `json:"classes,omitempty"`
	Traits  []string `json:"traits,omitempty"`
}

func decodeShown(r persistence.Record) (*shown, error) {
	s := &shown{Generation: r.Generation}
	return s, decodeJSON(r, s)
}

// shownOf is what is to be seen when a supply is shown, no more and no less.
func shownOf(s *Supply) map[uuid.UUID]shownProvider {
	all := make(map[uuid.UUID]shownProvider, len(s.Providers))
	for i := range s.Providers {
		p := &s.Providers[i]
		if p.Gone {
			continue
		}
		seen := shownProvider{Traits: p.Traits}
		if p.Class != "" {
			seen.Classes = []string{p.Class}
		}
		all[p.UUID] = seen
	}
	return all
}

// with adds what showing a supply may add.
func (s *shown) with(want *Supply) map[uuid.UUID]shownProvider {
	all := maps.Clone(s.Providers)
	if all == nil {
		all = map[uuid.UUID]shownProvider{}
	}
	for id, more := range shownOf(want) {
		have := all[id]
		all[id] = shownProvider{union(have.Classes, more.Classes), union(have.Traits, more.Traits)}
	}
	return all
}

// without says of each provider of want what was shown and is not wanted.
func (s *shown) without(want *Supply) *Supply {
	full := *want
	full.Providers = slices.Clone(want.Providers)
	now := shownOf(want)
	for i := range full.Providers {
		p := &full.Providers[i]
		p.FormerClasses = minus(s.Providers[p.UUID].Classes, now[p.UUID].Classes)
		p.FormerTraits = minus(s.Providers[p.UUID].Traits, now[p.UUID].Traits)
	}
	return &full
}

func (s *shown) is(providers map[uuid.UUID]shownProvider) bool {
	return maps.EqualFunc(s.Providers, providers, func(a, b shownProvider) bool {
		return slices.Equal(a.Classes, b.Classes) && slices.Equal(a.Traits, b.Traits)
	})
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
