package actors

import "github.com/asynkron/protoactor-go/actor"

// engineDummy takes any message, and panics at those that somebody waits for.
type engineDummy struct{}

func (*engineDummy) receive(_ actor.Context, msg any) {
	if _, asked := msg.(failer); asked {
		panic("a bug")
	}
}
