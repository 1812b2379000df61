package actors

import "github.com/google/uuid"

// Profile is a device profile: a published, immutable view.
type Profile struct {
	UUID        uuid.UUID
	Generation  uint64
	Seq         uint64 // order of creation
	Name        string
	Description *string
	Groups      []*Group
	CreatedAt   int64 // Unix seconds
}

// amount is how many ARQs the profile makes.
func (p *Profile) amount() int {
	n := 0
	for _, g := range p.Groups {
		n += g.amount()
	}
	return n
}

// ProfileSpec is a device profile as a client asks for it. UUID is the zero
// uuid when the client leaves the choice to us. Groups hold keys and values in
// the order of the body; values are text.
type ProfileSpec struct {
	UUID        uuid.UUID
	Name        string
	Description *string
	Groups      [][]Request
}

// ProfileQuery filters and pages profiles, in order of creation. Names is nil
// (no filter) or a list of which any matches.
type ProfileQuery struct {
	Names      []string
	After      uuid.UUID
	Limit      int
	Descending bool
}
