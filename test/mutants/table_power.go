package main

// power: what is on disk when it is said to be, which only a cut of the power can tell.
var power = []mutant{
	{
		name: "store-unsynced", rule: "With a Won, everything is on disk.",
		file:  "persistence/badger/options.go",
		old:   "WithSyncWrites(true)",
		new:   "WithSyncWrites(false)",
		tests: append(in(storage, "TestPowerCutsLoseNothing"), in(service, "TestPowerCutsUnderLoad")...),
	},
	{
		name: "backup-unsynced", rule: "A backup is on disk when it is said to be done.",
		file:  "cmd/arqd/store_backup.go",
		old:   "\t\terr = part.Sync()\n",
		new:   "",
		tests: in(service, "TestPowerCutsAroundABackup"),
	},
	{
		name: "backup-unnamed", rule: "A backup is on disk when it is said to be done.",
		file:  "cmd/arqd/store_backup.go",
		old:   "\treturn errors.Join(err, syncDir(filepath.Dir(c.file)))\n",
		new:   "\t_, _ = syncDir, filepath.Dir\n\treturn err\n",
		tests: in(service, "TestPowerCutsAroundABackup"),
	},
	{
		name: "journal-unsynced", rule: "A command is begun when its journal has it on disk.",
		file:  "devices/agent/journal/journal.go",
		old:   "\t\terr = j.file.Sync()\n",
		new:   "",
		tests: in(journal, "TestItRemembersThroughPowerCuts"),
	},
}
