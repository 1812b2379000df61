// Package openstack is how arqd talks to the other services of the cloud: as
// which user, over which connection, to which endpoint.
//
// A [Session] is one service user's standing with Keystone: its token, got anew
// before it ends or when it is refused, and the catalog that came with it. A
// session makes gophercloud service clients; their requests are retried where
// that is safe and their errors, put through [Explain], never show a secret.
// The clients proper are in the packages below this one.
package openstack
