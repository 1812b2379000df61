// Package keystone is auth_strategy keystone: it has Keystone check the tokens
// that requests carry, as keystonemiddleware does, and remembers the answers.
//
// What is remembered is never used beyond the end of a token nor for longer
// than the cache time, so a revoked token is refused within that time. Keys are
// hashes: no token is kept. A thousand requests with one new token are one
// question. When Keystone is away, what is remembered goes on to its time and
// everybody else is told to come back: nobody passes unchecked.
package keystone
