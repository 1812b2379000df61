// Package faulty is a persistence.Store that misbehaves on purpose: it is slow,
// forgets outcomes, and ends the process at a chosen write. It stands in front of a real
// store in binaries that are built with the tag "faults", and nowhere else.
package faulty
