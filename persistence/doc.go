// Package persistence states what arqd needs of a store and gives the types
// that travel to and from it. It knows bytes, generations, index values and
// unique claims; what they mean is the business of package actors.
//
// The adapters live beside it, one folder each: badger (embedded, the
// default) and memory (tests, with injected faults). One suite, storetest,
// runs against all of them.
package persistence
