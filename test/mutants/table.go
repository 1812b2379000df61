package main

import "slices"

// table is all mutants.
func table() []mutant {
	return slices.Concat(writePath, operations, devices, profiles, outboxAndRecovery, together, holds, hosts, room, shownSide, readSide, store, salvaged, edge, power)
}
