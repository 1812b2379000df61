// Package actors owns every piece of arqd's state and every rule about it.
//
// An accelerator request (ARQ), a device, a device profile is an actor, whose
// mailbox serializes its transitions; an operation (one PATCH or DELETE) is a
// short-lived actor that gathers proposals from them and puts them into one
// conditional batch. Actors propose, the store decides. Readers never wait
// for a mailbox: they use the immutable views that are published when a
// batch is durable.
package actors
