package main

// profiles: creation and deletion are ordered.
var profiles = []mutant{
	{
		name: "profile-generation-unchecked", rule: "Nothing is made from a profile that is gone.",
		file:  "actors/profile_actor.go",
		old:   "\tb.check(profileKey(a.id), a.profile.Generation)\n",
		new:   "",
		tests: in(actors, "TestNothingIsMadeBehindTheDeletionOfItsProfile"),
	},
	{
		name: "deletion-before-creates", rule: "A profile's deletion waits for the creates on their way.",
		file:  "actors/profile_actor.go",
		old:   "\tif a.creating.Load() > 0 {\n\t\treturn false\n\t}\n",
		new:   "",
		tests: in(actors, "TestCreateAndDeleteOfAProfileAreOrdered", points, simulation),
	},
	{
		name: "deletion-of-a-used-profile", rule: "A profile that ARQs use is not deleted.",
		file:  "actors/profile_actor.go",
		old:   "n := a.sys.dir.usersOf(a.profile); n > 0",
		new:   "n := a.sys.dir.usersOf(a.profile); n > 999",
		tests: in(actors, "TestDeletingProfiles", simulation),
	},
	{
		name: "half-a-profile-deletion", rule: "A deletion of several profiles is all or nothing.",
		file:  "actors/profile_deletion.go",
		old:   "\t\tb.deleteProfile(o.profiles[i])\n",
		new:   "\t\tif i == 0 {\n\t\t\tb.deleteProfile(o.profiles[i])\n\t\t}\n",
		tests: in(actors, "TestDeletingProfiles"),
	},
	{
		name: "deletion-holds-on", rule: "A deletion that was withdrawn is over for every profile it asked.",
		file:  "actors/profile_actor.go",
		old:   "return ok && p.op == m.op",
		new:   "return ok && p.op == m.op && m.won",
		tests: in(actors, "TestAWithdrawnDeletionHoldsNoProfileThatItStillWaitedFor"),
	},
	{
		name: "too-many-arqs", rule: "A profile asks for so many ARQs at most.",
		file:  "actors/profile_rules.go",
		old:   "\t\tif total > maxARQs {",
		new:   "\t\tif total > maxARQs+1 {",
		tests: in(actors, "TestGroupRules", "TestGroupAmounts"),
	},
}

// outboxAndRecovery: what must outlive a process.
var outboxAndRecovery = []mutant{
	{
		name: "event-not-recorded", rule: "An event is stored in the batch that made it true.",
		file:  "actors/batch.go",
		old:   "\tb.put(eventKey(e.ID), 0, encodeEvent(e), nil)\n",
		new:   "",
		tests: in(actors, "TestEventsOutliveARestart", simulation),
	},
	{
		name: "event-removed-untold", rule: "An event's record goes when it was taken, or is too old to matter.",
		file:  "actors/outbox.go",
		old:   "\t\te.err = m.err\n\t\to.pause(e, retryLongest)\n",
		new:   "\t\to.remove(e)\n",
		tests: in(actors, "TestEventsAreTriedAgainAndGivenUp", points, simulation),
	},
	{
		name: "event-removed-first", rule: "An event's record goes when it was taken.",
		file:  "actors/outbox.go",
		old:   "\to.workers++\n\to.sys.work(",
		new:   "\to.workers++\n\to.records.forget(e.ID)\n\to.sys.work(",
		tests: in(actors, "TestEventsOutliveARestart", points, simulation),
	},
	{
		name: "refused-event-sent-again", rule: "What was refused for good is not sent again.",
		file:  "actors/outbox.go",
		old:   "\tcase errors.Is(m.err, ErrRefused):\n",
		new:   "\tcase e.Held && errors.Is(m.err, ErrRefused):\n",
		tests: in(actors, "TestARefusedEventIsNotSentAgain"),
	},
	{
		name: "old-event-sent", rule: "An event that is too old to matter is not sent.",
		file:  "actors/outbox.go",
		old:   "\t\tcase o.sys.timeLeft(next.Event) <= 0:\n",
		new:   "\t\tcase o.sys.timeLeft(next.Event) <= 0 && next.tries > 16:\n",
		tests: in(actors, "TestASlowComputeServiceDoesNotPileUpEvents"),
	},
	{
		name: "event-never-removed", rule: "An event's record goes when it was taken.",
		file:  "actors/outbox_records.go",
		old:   "\t\tb.remove(eventKey(id), 1)\n",
		new:   "\t\tb.remove(eventKey(id), 2)\n",
		tests: in(actors, "TestEventsOutliveARestart"),
	},
	{
		name: "events-out-of-order", rule: "Events of an instance are told in order.",
		file: "actors/outbox.go",
		old:  "\tl.events = append(l.events, u)\n",
		new: "\tfirst := min(1, len(l.events))\n\tl.events = append(l.events[:first:first], " +
			"append([]*undelivered{u}, l.events[first:]...)...)\n",
		tests: in(actors, "TestEventsOfAnInstanceGoInOrder", simulation),
	},
	{
		name: "events-at-the-same-time", rule: "Events of an instance are told one after the other.",
		file:  "actors/outbox.go",
		old:   "\t\to.lines[e.Instance] = l\n\t\to.ready = append(o.ready, e.Instance)\n\t}\n",
		new:   "\t\to.lines[e.Instance] = l\n\t}\n\to.ready = append(o.ready, e.Instance)\n",
		tests: in(actors, "TestEventsOfAnInstanceGoInOrder", simulation),
	},
	{
		name: "settlement-forgotten-at-recovery", rule: "A restart ends the binds that it finds BindStarted.",
		file:  "actors/recovery.go",
		old:   "\t\ts.settle(parts, evFailBind, \"\", nil)\n",
		new:   "\t\t_ = parts\n",
		tests: append(in(actors, "TestRestart", points, simulation), in(service, "TestCrashDuringRecovery")...),
	},
	{
		name: "recovery-skips-events", rule: "Undelivered events are taken up after a restart.",
		file:  "actors/recovery.go",
		old:   "\t\tf.events = append(f.events, e)\n",
		new:   "\t\t_ = e\n",
		tests: append(in(actors, "TestEventsOutliveARestart", points, simulation), in(service, "TestCrashAtEveryWrite")...),
	},
	{
		name: "recovery-skips-arqs", rule: "A restart reads every kind of record.",
		file:  "actors/recovery.go",
		old:   "\tf.arqs.add(a)\n",
		new:   "",
		tests: in(actors, "TestRestart", points, simulation),
	},
	{
		name: "recovery-skips-instances", rule: "A restart reads every kind of record.",
		file:  "actors/recovery.go",
		old:   "\t\tf.bulk.instances = append(f.bulk.instances, instanceChange{r.Key.ID, r.Generation, members})\n",
		new:   "\t\t_ = members\n",
		tests: in(actors, points, simulation),
	},
	{
		name: "recovery-skips-profiles", rule: "A restart reads every kind of record.",
		file:  "actors/recovery.go",
		old:   "\tf.bulk.profiles = append(f.bulk.profiles, change[Profile]{nil, p})\n",
		new:   "",
		tests: in(actors, "TestProfilesAreListedInOrderOfCreation", simulation),
	},
	{
		name: "recovery-skips-handles", rule: "A restart reads every kind of record.",
		file:  "actors/recovery.go",
		old:   "\t\tf.handles[h.Deployable] = append(f.handles[h.Deployable], h)\n",
		new:   "",
		tests: in(actors, "TestAReleasingHandleIsTakenUpAfterARestart", simulation),
	},
	{
		name: "recovery-forgets-numbers", rule: "Numbers are never given twice, across restarts.",
		file:  "actors/recovery.go",
		old:   "\t\tf.numbers.Generation = r.Generation\n\t\treturn decodeJSON(r, &f.numbers)\n",
		new:   "",
		tests: in(actors, "TestNumbersGoOnAfterARestart"),
	},
	{
		name: "cleaning-forgotten-at-recovery", rule: "What is releasing is cleaned up after a restart.",
		file:  "actors/device_book.go",
		old:   "\tb.engine.tell(at.pid, cleanUp{})\n",
		new:   "",
		tests: in(actors, "TestAReleasingHandleIsTakenUpAfterARestart", points, simulation),
	},
}

// readSide: views and their indexes.
var readSide = []mutant{
	{
		name: "stale-view", rule: "A reader sees what was answered before.",
		file:  "actors/directory.go",
		old:   "now := e.view.Load(); now.Generation < after.Generation",
		new:   "now := e.view.Load(); now.Generation+1 < after.Generation",
		tests: in(actors, "TestBindingAgain", simulation),
	},
	{
		name: "view-goes-back", rule: "A view never goes back.",
		file:  "actors/directory.go",
		old:   "now := e.view.Load(); now.Generation < after.Generation",
		new:   "now := e.view.Load(); now != nil",
		tests: in(actors, "TestAViewNeverGoesBack"),
	},
	{
		name: "delete-leaves-project-index", rule: "What is deleted leaves every index.",
		file:  "actors/directory_arqs.go",
		old:   "\ttake(x.projects, a.ProjectID, e)\n\tx.countUnbound(a, -1)\n",
		new:   "\tx.countUnbound(a, -1)\n",
		tests: in(actors, "TestWhatIsDeletedLeavesEveryIndex"),
	},
	{
		name: "delete-leaves-state-index", rule: "What is deleted leaves every index.",
		file:  "actors/directory_arqs.go",
		old:   "\tx.all.remove(e)\n\tx.states[a.State].remove(e)\n",
		new:   "\tx.all.remove(e)\n",
		tests: in(actors, "TestWhatIsDeletedLeavesEveryIndex", simulation),
	},
	{
		name: "delete-leaves-profile-index", rule: "What is deleted leaves every index.",
		file:  "actors/directory_arqs.go",
		old:   "\ttake(x.profiles, a.Group.ProfileName, e)\n\tx.removeBinding(e, a.Binding)\n}\n",
		new:   "\tx.removeBinding(e, a.Binding)\n}\n",
		tests: in(actors, "TestDeletingProfiles", simulation),
	},
	{
		name: "unbind-stays-in-host-index", rule: "Indexes follow what is bound.",
		file:  "actors/directory_arqs.go",
		old:   "\t\ttake(x.hosts, b.Hostname, e)\n",
		new:   "\t\t_ = e\n",
		tests: in(actors, "TestWhatIsDeletedLeavesEveryIndex"),
	},
	{
		name: "half-a-batch-is-seen", rule: "A reader sees a batch whole or not at all.",
		file:  "actors/directory.go",
		old:   "\t\td.publishARQ(c.before, c.after)\n",
		new:   "\t\td.publishARQ(c.before, c.after)\n\t\td.mu.Unlock()\n\t\td.mu.Lock()\n",
		tests: in(actors, "TestNobodySeesHalfAPatch"),
	},
}
