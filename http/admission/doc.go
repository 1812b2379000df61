// Package admission decides which changes are worked on when more come than can
// be done. A Gate lets so many be in work at a time that each is over within a
// short time, has the others wait for their turn, project by project, and
// refuses at once, or after a bounded wait, what there is no prospect for.
//
// It knows neither HTTP nor what a change is. docs/overload.md argues for what
// it does.
package admission
