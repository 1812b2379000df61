package test

import "slices"

// belief is what a client may believe of one thing: the states that it can be
// in, after what was acknowledged and what was left without an answer.
type belief struct{ may []string }

const absent = "absent"

func believe(state string) belief { return belief{may: []string{state}} }

// sure gives the state, when there is only one that it can be.
func (b *belief) sure() string {
	if len(b.may) != 1 {
		return ""
	}
	return b.may[0]
}

// tries says that a request went out that would bring the state about.
func (b *belief) tries(state string) { b.may = append(b.may[:1:1], state) }

// learned says that the state is known: from an answer, or by looking.
func (b *belief) learned(state string) { b.may = []string{state} }

// notTried takes back the last of tries: the request was not taken.
func (b *belief) notTried() { b.may = b.may[:1] }

func (b *belief) allows(state string) bool { return slices.Contains(b.may, state) }
