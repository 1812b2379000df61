package main

// holds: a bind that fails after its 202 is shown once the compute service has
// had time to hear of it.
var holds = []mutant{
	{
		name: "hold-ends-with-an-answer", rule: "A failure is told again while it is held back.",
		file:  "actors/outbox.go",
		old:   "\tcase e.Held && answered:\n",
		new:   "\tcase e.Held && answered && len(e.ARQs) > 999:\n",
		tests: in(actors, "TestAFailureIsHeldBackAndToldAgain"),
	},
	{
		name: "hold-for-ever", rule: "A hold ends when its event is too old.",
		file:  "actors/outbox.go",
		old:   "\tif e.Held {\n\t\to.sys.dir.release(e.Event)\n\t}\n",
		new:   "",
		tests: in(actors, "TestAFailureIsHeldBackAndToldAgain", points, simulation),
	},
	{
		name: "hold-outlives-its-arq", rule: "A hold ends for an ARQ that is unbound or deleted.",
		file:  "actors/hold.go",
		old:   "\t\t\tdelete(d.holds, now.UUID)\n\t\t\tinstances",
		new:   "\t\t\tinstances",
		tests: in(actors, "TestAHoldEndsWithItsARQs"),
	},
	{
		name: "hold-forgotten-at-recovery", rule: "A hold outlives a restart.",
		file:  "actors/recovery.go",
		old:   "\t\te.Held = e.Held && s.opts.HoldFailed && s.timeLeft(e) > 0\n",
		new:   "\t\te.Held = false\n",
		tests: in(actors, "TestAHoldOutlivesARestart", points, simulation),
	},
	{
		name: "hold-not-recorded", rule: "A hold is stored in the batch that made it true.",
		file:  "actors/operation_compose.go",
		old:   "\t\tevents[i].Held = events[i].Held || c.after.held\n",
		new:   "",
		tests: in(actors, "TestAFailureIsHeldBackAndToldAgain", points, simulation),
	},
}
