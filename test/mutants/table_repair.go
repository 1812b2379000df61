package main

// salvaged: what a store that was saved from a damaged disk may lead to.
var salvaged = []mutant{
	{
		name: "lets-go-without-condition", rule: "An ARQ lets go only of what is not its own when that is written.",
		file:  "actors/operation_lacked.go",
		old:   "\t\tif !b.writes(handleKey(l.handle)) {\n",
		new:   "\t\tif !b.writes(handleKey(l.handle)) && len(o.lacked) > 999 {\n",
		tests: in(actors, "TestNothingIsLetGoOfThatIsItsOwnByThen"),
	},
	{
		name: "lets-go-of-anothers", rule: "An ARQ gives nothing back that another one holds.",
		file:  "actors/device_proposal.go",
		old:   "\tif h == nil || h.State != handleTaken || h.Holder != g.arq {\n",
		new:   "\tif h == nil || h.State != handleTaken {\n",
		tests: in(actors, "TestAnotherKeepsWhatIsLetGoOf"),
	},
	{
		name: "lets-go-of-nothing", rule: "An ARQ whose handle is not its own can be unbound and deleted.",
		file:  "actors/device_proposal.go",
		old:   "\t\tif !known && m.again {\n",
		new:   "\t\tif !known && m.again && len(m.gives) > 999 {\n",
		tests: in(actors, "TestAnARQLetsGoOfWhatItDoesNotHave"),
	},
}
