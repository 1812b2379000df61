package main

// shownSide: what the scheduler sees, and quotas.
var shownSide = []mutant{
	{
		name: "shown-before-it-is-noted", rule: "What is shown is on record before it is shown.",
		file:  "actors/reconciler_attempt.go",
		old:   "	r.note(id, e.shown.with(e.want), func(err error) {\n",
		new:   "	r.note(id, e.shown.Providers, func(err error) {\n",
		tests: in(actors, points, simulation),
	},
	{
		name: "former-traits-forgotten", rule: "What goes from a device is taken back.",
		file:  "actors/supply.go",
		old:   "		p.FormerTraits = minus(s.Providers[p.UUID].Traits, now[p.UUID].Traits)\n",
		new:   "",
		tests: in(actors, "TestWhatWentIsTakenBackAcrossRestarts", "TestChangesThatTheSchedulerDoesNotSee", "TestDevicesAreShown"),
	},
	{
		name: "recovery-skips-shown", rule: "What was shown before a restart is taken back after it.",
		file:  "actors/recovery.go",
		old:   "		f.shown[r.Key.ID] = sh\n",
		new:   "		_ = sh\n",
		tests: in(actors, points, simulation),
	},
	{
		name: "not-shown-again", rule: "What could not be shown is tried again.",
		file:  "actors/reconciler_attempt.go",
		old:   "	e.timer = r.sys.after(r.pause(e), func() { r.sys.engine.tell(self, supplyDue{m.device}) })\n",
		new:   "	_ = self\n",
		tests: in(actors, "TestFailuresAreTriedAgain"),
	},
	{
		name: "disabled-not-reserved", rule: "The scheduler gives nothing of a disabled device.",
		file:  "actors/supply.go",
		old:   "		if d.Maintaining() || hostDead {\n",
		new:   "		if hostDead {\n",
		tests: in(actors, "TestADisabledDeviceIsReserved"),
	},
	{
		name: "dead-host-not-reserved", rule: "The scheduler gives nothing of a dead host.",
		file:  "actors/supply.go",
		old:   "		if d.Maintaining() || hostDead {\n",
		new:   "		if d.Maintaining() {\n",
		tests: in(actors, "TestADeadHostsDevicesAreReserved"),
	},
	{
		name: "gone-device-stays-shown", rule: "A device that is gone cannot be seen.",
		file:  "actors/reconciler.go",
		old:   "				r.gone(c.before.UUID, c.before)\n",
		new:   "				_ = c\n",
		tests: in(actors, "TestADeviceThatIsGoneIsTakenBack", points),
	},
	{
		name: "quota-of-what-is-there", rule: "Creates that are under way count against a quota.",
		file:  "actors/quota.go",
		old:   "	a.coming += m.count\n	m.create",
		new:   "	m.create",
		tests: in(actors, "TestQuotaUnderConcurrency"),
	},
	{
		name: "quota-without-end", rule: "What was refused or undone counts against no quota.",
		file:  "actors/quota.go",
		old:   "		a.coming -= m.count\n",
		new:   "		_ = m\n",
		tests: in(actors, "TestQuotaOfAllARQs", "TestQuotaOfUnboundARQs", "TestQuotaUnderConcurrency"),
	},
}
