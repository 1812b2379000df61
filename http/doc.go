// Package http is everything that speaks HTTP to the outside: the accelerator
// API v2 with its microversions, and the operators' listener with metrics and
// health. It holds URLs, status codes and JSON; what a request means is for the
// Backend to say.
//
// A request passes, in this order: routing, token, Accept, microversion,
// policy, the limit on writes in flight, and then its handler, which parses,
// copies what it needs out of the request, and calls the Backend. Handlers
// return errors; errors.go is the only place where an error becomes a status.
package http
