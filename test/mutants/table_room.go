package main

// room: what a host may have on record, and of a device what a record takes.
var room = []mutant{
	{
		name: "host-without-bounds", rule: "A host has no more on record than two inventories hold.",
		file:  "actors/host_room.go",
		old:   "		if of.have > of.most {",
		new:   "		if of.have < 0 {",
		tests: in(actors, "TestAHostThatReportsMoreAndMore"),
	},
	{
		name: "full-host-for-ever", rule: "A host that has too much on record may report less of a device.",
		file:  "actors/host_screen.go",
		old:   "full != nil && !s.addsNothing(r, d) {",
		new:   "full != nil {",
		tests: in(actors, "TestAHostThatHasTooMuchReportsLess"),
	},
	{
		name: "full-host-adds-parts", rule: "A host that has too much on record gets no more parts of a device taken.",
		file:  "actors/host_room.go",
		old:   "!ok || of.device.UUID != known.UUID {",
		new:   "ok && of.device.UUID != known.UUID {",
		tests: in(actors, "TestAHostThatHasTooMuchReportsLess"),
	},
	{
		name: "parts-beyond-a-record", rule: "A device that no record takes with its parts that are not reported is refused alone.",
		file:  "actors/host_screen.go",
		old:   "	return d.ValidateWith(others)",
		new:   "	return nil",
		tests: in(actors, "TestADeviceThatIsTooLargeWithTheParts"),
	},
}
