package actors

import "github.com/asynkron/protoactor-go/actor"

// engineDummy takes any message, and panics at those that somebody waits for. It
// goes after as many as it is told to.
type engineDummy struct{ goesAfter, heard int }

func (d *engineDummy) receive(_ actor.Context, msg any) {
	d.heard++
	if _, asked := msg.(failer); asked {
		panic("a bug")
	}
}

func (d *engineDummy) over() bool { return d.goesAfter > 0 && d.heard >= d.goesAfter }
