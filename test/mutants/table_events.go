package main

const novaClient = "http/openstack/nova"

// together: events of several instances in one delivery.
var together = []mutant{
	{
		name: "events-share-an-outcome", rule: "Each event of a delivery has an outcome of its own.",
		file:  "actors/outbox.go",
		old:   "o.settle(e, m.errs[i], len(m.events))",
		new:   "o.settle(e, m.errs[0*i], len(m.events))",
		tests: in(actors, "TestEventsOfADeliveryAreSettledByThemselves", simulation),
	},
	{
		name: "answer-of-another-length", rule: "What the notifier does not answer for is not settled.",
		file:  "actors/outbox_delivery.go",
		old:   "if errs != nil && len(errs) != len(events) {",
		new:   "if len(errs) > 0 && len(errs) < len(events) {",
		tests: in(actors, "TestAnswersThatMakeNoSense", simulation),
	},
	{
		name: "first-worker-takes-all", rule: "Events go out in parallel first.",
		file:  "actors/outbox_delivery.go",
		old:   "\tshare := (len(o.ready) + workers - 1) / workers\n",
		new:   "\tshare := len(o.ready)\n",
		tests: in(actors, "TestEventsGoOutInParallelFirst", "TestAFreeWorkerLeavesTheOthersTheirShare"),
	},
	{
		name: "delivery-without-bound", rule: "A delivery tells of so many ARQs at most.",
		file:  "actors/outbox_delivery.go",
		old:   "\t\troom -= len(d.told.ARQs)\n",
		new:   "",
		tests: in(actors, "TestADeliveryIsBounded"),
	},
	{
		name: "company-stays-together", rule: "Whoever has failed in company is in half of it next time.",
		file:  "actors/outbox_delivery.go",
		old:   "\t\te.company = of / 2\n",
		new:   "\t\te.company = of\n",
		tests: in(actors, "TestCompanyThatFailsIsParted"),
	},
	{
		name: "everybody-asks-for-himself", rule: "While nobody takes events, one of those that wait finds out whether somebody does.",
		file:  "actors/outbox_away.go",
		old:   "\tif o.failed < manyFailed {\n",
		new:   "\tif o.failed < 999*manyFailed {\n",
		tests: in(actors, "TestOneOfManyIsTriedWhileNobodyTakesEvents"),
	},
	{
		name: "new-ones-wait-for-the-others", rule: "An event that has not failed yet is tried at once.",
		file:  "actors/outbox.go",
		old:   "\to.ages.add(u)\n",
		new:   "\to.ages.add(u)\n\tif o.outage.keepsBack(o.sys.now()) && len(l.events) == 1 {\n\t\to.ready = o.ready[:len(o.ready)-1]\n\t\to.pause(u, keptLongest)\n\t}\n",
		tests: in(actors, "TestOneOfManyIsTriedWhileNobodyTakesEvents"),
	},
	{
		name: "events-age-by-the-clock", rule: "An event matters for as long as it was given, whatever the clock is set to.",
		file:  "actors/outbox_delivery.go",
		old:   "case !o.sys.now().Before(e.until):",
		new:   "case o.sys.timeLeft(e.Event) <= 0:",
		tests: in(actors, "TestAnEventOutlivesItsTimeByNoClock"),
	},
	{
		name: "events-from-later", rule: "An event that seems to come from later has no more time than others.",
		file:  "actors/outbox.go",
		old:   "s.opts.EventDeadline - max(0, s.now().Sub(time.UnixMilli(e.Created)))",
		new:   "s.opts.EventDeadline - s.now().Sub(time.UnixMilli(e.Created))",
		tests: in(actors, "TestAnEventFromLaterHasItsTime"),
	},
	{
		name: "whole-refusal-for-all", rule: "An event for which Nova refuses a request costs the others nothing.",
		file:  "http/openstack/nova/notifier.go",
		old:   "if why == rejected && len(events) > 1 {",
		new:   "if why == rejected && len(events) > 999 {",
		tests: append(in(novaClient, "TestARequestRefusedForOneOfItsEvents"), in(service, "TestEventsGoTogether")...),
	},
}
