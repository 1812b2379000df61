// Package history decides whether what clients saw of arqd is what a single
// arqd that does one thing after the other, and never forgets, could have
// shown them.
//
// A Recorder takes down every call and every answer. A Trial is what it took
// down of one cell, a part of the world that no request crosses the border of,
// between two moments of rest. Check searches for an order of its operations
// that fits the answers (github.com/anishathalye/porcupine does the search):
// each operation at one moment between its call and its answer, the model of
// this package deciding what may be answered there. An operation without an
// answer happened or did not; what the service does by itself, such as ending
// a bind that had to be prepared, may happen at any moment.
package history
