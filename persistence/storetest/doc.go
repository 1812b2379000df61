// Package storetest is the conformance suite of persistence.Store: what every
// adapter must do, said once. An adapter runs it from a test of its own:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Opener { ... })
//	}
package storetest

import (
	"testing"

	"github.com/arqd/arqd/persistence"
)

// Opener opens the store of one place: a directory, a schema. What was durable
// when the store opened before was closed, must be in it. It does not call
// Recover. The suite closes each store before it opens the next, and calls
// nothing once the test has ended.
type Opener func(t *testing.T) persistence.Store

// Run runs the suite. place prepares a new, empty place for each test.
func Run(t *testing.T, place func(t *testing.T) Opener) {
	t.Helper()
	for _, suite := range []map[string]func(trial){
		generationTests, claimTests, atomicityTests, readTests, valueTests, lifeTests, historyTests,
	} {
		for name, test := range suite {
			t.Run(name, func(t *testing.T) { test(trial{t, place(t)}) })
		}
	}
}
