// Package integrity finds damage in a closed Badger directory that Badger
// would pass over in silence, or die of.
//
// Badger ends the replay of a log at the first entry that it cannot read, and
// takes the rest for the remains of a crash; it does the same with MANIFEST,
// and then deletes the tables that the rest has named; and a damaged footer of
// a table ends the process. So Check reads the files first, with its own
// readers, and refuses what cannot be the remains of a crash.
//
// What a crash leaves is known, because the store commits one transaction at a
// time and syncs it before it begins the next: whatever is followed by a part
// of a later transaction was on disk, and acknowledged, before that part was
// written. So only the last transaction of all logs can be incomplete. And a
// crash does not shorten a log: one that ends where an entry goes on was cut.
//
// What nobody can find out: damage in that last transaction looks like a crash
// while it was written, and it is dropped, as a whole, with a warning in the
// log. A log or a file of its end that is gone without a trace is found only
// when a later log shows the gap. A transaction that is unreadable from its
// first to its last byte is found by the gap in the numbers, unless it is the
// first of the oldest log and only one follows. MANIFEST cut exactly between
// two changes looks like a list from before the second: the store finds the
// records missing as it counts them (see its tally), unless all that came after
// is gone as well. Damage that comes while
// the store is in use shows in the checksums of records, or at the next start.
package integrity
