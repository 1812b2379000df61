// Package badger keeps records in an embedded Badger database: the store of a
// single arqd process.
//
// One goroutine, the committer, owns all writing. It takes whatever is queued,
// checks conditions in memory in the order of arrival, puts what holds into
// one Badger transaction and commits that with a sync. So the size of a batch
// is what arrived during the sync before: alone a writer waits for one sync,
// under load hundreds share one. Badger itself has no group commit.
// It then tells the outcomes, and takes what has been queued meanwhile.
//
// A failed commit leaves Badger in a state that nobody can tell. The store
// then takes no more writes until it is opened again; reads stay up.
//
// Badger drops what it cannot read of its logs. So Open reads the files before
// Badger does and refuses damage; see integrity for what can be found.
package badger
