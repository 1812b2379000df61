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
	{
		name: "lost-handle-is-free", rule: "What a host reports and an ARQ shows is not free, though its handle is not on record.",
		file:  "actors/device_shown.go",
		old:   "\tif q := shown[h.Info]; q != nil {\n",
		new:   "\tif q := shown[h.Info]; q != nil && len(shown) > 999 {\n",
		tests: in(actors, "TestWhatAnARQShowsIsItsOwnWhenItIsReported"),
	},
	{
		name: "repair-frees-unasked", rule: "A handle whose holder is not known is freed when somebody says that no guest has it.",
		file:  "actors/repair_handles.go",
		old:   "\tif m.opts.Free != nil && m.opts.Free(h.UUID) {\n",
		new:   "\tif m.opts.Free == nil || m.opts.Free(h.UUID) {\n",
		tests: in(actors, "TestRepairOfWhatIsLeft"),
	},
	{
		name: "repair-gives-away-what-is-shown", rule: "A repair has a handle held by the ARQ that shows it.",
		file:  "actors/repair_handles.go",
		old:   "\tif h.State != handleTaken || h.Holder != keeps.UUID {\n",
		new:   "\tif h.State == handleTaken && h.Holder != keeps.UUID {\n",
		tests: in(actors, "TestRepairOfWhatIsLeft"),
	},
	{
		name: "repair-forgets-what-is-shown", rule: "A handle that is not on record and that an ARQ shows is put on record, taken.",
		file:  "actors/repair_handles.go",
		old:   "\tif m.known[of] == nil {\n",
		new:   "\tif m.known[of] == nil && len(m.known) > 999 {\n",
		tests: in(actors, "TestRepairOfWhatIsLeft"),
	},
	{
		name: "repair-holds-two", rule: "A repair has nobody hold two handles at any moment.",
		file:  "actors/repair_handles.go",
		old:   "h.State == handleTaken && h.Holder != m.holder(h).UUID {\n",
		new:   "h.State == handleTaken && h.Holder == m.holder(h).UUID {\n",
		tests: in(actors, "TestARepairSwapsHandles"),
	},
	{
		name: "repair-leaves-a-holder", rule: "What an ARQ does not show is not held by it after a repair.",
		file:  "actors/repair_handles.go",
		old:   "\tif again || m.arqs[h.Holder] != nil {\n",
		new:   "\tif again {\n",
		tests: in(actors, "TestRepairOfWhatIsLeft"),
	},
	{
		name: "repair-drops-what-is-held", rule: "A repair removes no handle of a device that somebody holds.",
		file:  "actors/repair_handles.go",
		old:   "\t\tif h.State != handleTaken {\n\t\t\tm.say(\"%s is removed: it is the same",
		new:   "\t\tif h.State <= handleMissing {\n\t\t\tm.say(\"%s is removed: it is the same",
		tests: in(actors, "TestRepairSays"),
	},
}
