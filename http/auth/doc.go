// Package auth says who asks and what they may.
//
// A [Validator] turns the headers of a request into an [Identity]: [None] for
// development, [Headers] behind an authenticating proxy. The one that asks
// Keystone is in http/openstack/keystone, beside the clients of the cloud.
//
// A [Policy] answers whether an identity may do what a rule names, in the
// language of oslo.policy and with the rule names of the accelerator API. It is
// compiled once, at load; an [Enforcer] holds the current one and exchanges it
// when the operator's file changes.
package auth
