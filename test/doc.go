// Package test holds the whole-service tests: they run the real binary, speak
// to it over the network as clients do, stop it, kill it and start it again.
//
// They take ../bin/arqd, which `make test` has built, when it is newer than
// the sources, and build it themselves otherwise. ARQD_BINARY names another one
// to test. ARQD_RACE=1 builds it with the race detector, and a race that it
// reports fails the test.
package test
