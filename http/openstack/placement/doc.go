// Package placement shows devices to the scheduler: it keeps Placement's
// resource providers, inventories and traits as actors want them.
//
// A [Client] is an actors.Inventory. It reads what there is, compares, and
// writes only what differs, each write conditional on the provider's generation
// where Placement has such a condition; when somebody else was quicker it
// reads again. What others have put on a provider stays.
package placement
