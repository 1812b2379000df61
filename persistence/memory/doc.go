// Package memory keeps records in memory, for tests. It answers like a store
// on disk does: from a goroutine of its own, in order. It can be told to lose
// transitions, to leave their outcome open, to be slow, and to crash. It opens
// no file and no socket and reads no clock but through package time, so it
// runs in the fake time of testing/synctest.
package memory
