// Package nova tells the compute service what became of binds: it delivers the
// events of the outbox as external events of servers.
//
// Nova answers for each event by itself. What it takes or refuses for good is
// over; everything else, from a connection that fails to an answer that makes no
// sense, is for the outbox to send again: Nova bears an event that it has had.
package nova
