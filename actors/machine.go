package actors

// The state machines: pure, in tables, free of the engine. What is not in a
// table is refused.

// arqEvent is what can happen to an ARQ.
type arqEvent uint8

const (
	evBind       arqEvent = iota // bound at once, nothing to prepare
	evStartBind                  // accepted; the device has to be prepared
	evFinishBind                 // prepared
	evFailBind                   // accepted, and then it could not be done
	evUnbind
	evFailUnbind
	evDelete
	arqEventCount
)

// refused marks what an ARQ in a state does not do.
const refused = stateCount

// arqTable says which state follows. A deleted ARQ passes through Deleting
// only in thought: its record goes in the same batch.
var arqTable = [stateCount][arqEventCount]State{
	//             evBind   evStartBind  evFinishBind evFailBind  evUnbind evFailUnbind  evDelete
	Initial:      {Bound, BindStarted, refused, BindFailed, Unbound, refused, Deleting},
	BindStarted:  {refused, refused, Bound, BindFailed, Unbound, refused, Deleting},
	Bound:        {refused, refused, refused, refused, Unbound, UnbindFailed, Deleting},
	Unbound:      {Bound, BindStarted, refused, BindFailed, Unbound, refused, Deleting},
	BindFailed:   {refused, refused, refused, refused, Unbound, refused, Deleting},
	UnbindFailed: {refused, refused, refused, refused, Unbound, UnbindFailed, Deleting},
	Deleting:     {refused, refused, refused, refused, refused, refused, Deleting},
}

// next gives the state that follows, and whether the event is allowed.
func (s State) next(e arqEvent) (State, bool) {
	if s >= stateCount || e >= arqEventCount {
		return s, false
	}
	n := arqTable[s][e]
	if n == refused {
		return s, false
	}
	return n, true
}

// handleState is the state of an attach handle.
type handleState uint8

const (
	handleFree      handleState = iota
	handleTaken                 // a live ARQ holds it
	handleReleasing             // nobody's: it must be cleaned up first
	handleMissing               // not on the host at present, nobody's
	handleStateCount
)

// handleEvent is what can happen to an attach handle.
type handleEvent uint8

const (
	evTake     handleEvent = iota
	evGive                 // given back, nothing to clean up
	evGiveGone             // given back, and the host no longer reports it
	evRelease              // given back, to be cleaned up
	evCleaned
	evCleanedGone // cleaned up, and the host no longer reports it
	evReturn      // the host reports it
	handleEventCount
)

// noHandle marks what a handle in a state does not do.
const noHandle = handleStateCount

var handleTable = [handleStateCount][handleEventCount]handleState{
	//                evTake       evGive      evGiveGone     evRelease        evCleaned   evCleanedGone  evReturn
	handleFree:      {handleTaken, noHandle, noHandle, noHandle, noHandle, noHandle, handleFree},
	handleTaken:     {noHandle, handleFree, handleMissing, handleReleasing, noHandle, noHandle, handleTaken},
	handleReleasing: {noHandle, noHandle, noHandle, handleReleasing, handleFree, handleMissing, handleReleasing},
	handleMissing:   {noHandle, noHandle, noHandle, noHandle, noHandle, noHandle, handleFree},
}

// next gives the state that follows, and whether the event is allowed.
func (s handleState) next(e handleEvent) (handleState, bool) {
	if s >= handleStateCount || e >= handleEventCount {
		return s, false
	}
	n := handleTable[s][e]
	if n == noHandle {
		return s, false
	}
	return n, true
}
