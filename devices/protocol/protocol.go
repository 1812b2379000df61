// Package protocol is what agents and the service tell each other: the bodies
// of the requests, which an agent always begins, their bounds and the paths.
// docs/agents.md says how the conversation goes.
//
// Bodies are JSON, gzip is allowed (Content-Encoding: gzip), unknown fields are
// ignored. No absolute time goes over the wire, only seconds from now. Who an
// agent is follows from its certificate or its token (Authorization: Bearer),
// and never from what it says.
package protocol

import (
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Version is the newest version of the protocol, and the one in the paths.
const Version = 1

// Versions are those that this program speaks.
func Versions() []int { return []int{Version} }

// Common gives the newest version that both sides speak; false: there is none.
func Common(theirs []int) (int, bool) {
	best := 0
	for _, v := range Versions() {
		if slices.Contains(theirs, v) {
			best = max(best, v)
		}
	}
	return best, best > 0
}

// Prefix is where all paths begin.
const Prefix = "/agent/v1"

// SessionPath is where a host's agent opens its session: POST, OpenSession;
// 200, Session.
func SessionPath(host string) string { return hostPath(host) + "/session" }

// InventoryPath is where it puts its inventory: PUT, Inventory; 200,
// InventoryReply.
func InventoryPath(host string) string { return hostPath(host) + "/inventory" }

// HeartbeatPath is where it says that it lives: POST, Heartbeat; 200,
// HeartbeatReply.
func HeartbeatPath(host string) string { return hostPath(host) + "/heartbeat" }

// CommandsPath is where it waits for commands: GET, with the parameters
// session, after and wait; 200, Commands, or 204: none so far.
func CommandsPath(host string) string { return hostPath(host) + "/commands" }

// ResultPath is where it says what became of one: POST, Result; 200 and {}.
func ResultPath(host string, command uuid.UUID) string {
	return CommandsPath(host) + "/" + command.String() + "/result"
}

// ImagePath is where it reads an image that a command for it names: GET, with
// the parameters host and session, Range allowed; 200 or 206 with the header
// Digest (DigestHeader).
func ImagePath(image uuid.UUID) string { return Prefix + "/images/" + image.String() }

func hostPath(host string) string { return Prefix + "/hosts/" + url.PathEscape(host) }

// Names of the parameters of requests.
const (
	ParamSession = "session" // the uuid of the session
	ParamAfter   = "after"   // n of the last command that has come; 0: all
	ParamWait    = "wait"    // seconds to wait for one
	ParamHost    = "host"
)

// How often, and how long.
const (
	Lease          = 30 * time.Second // a session without a heartbeat ends, seen from the service
	HeartbeatEvery = 10 * time.Second
	Wait           = 25 * time.Second // of one poll for commands
	// ScansApart is the least time between two scans that prove together that a
	// device is gone.
	ScansApart = 5 * time.Second
)

// Bounds; what is beyond them is refused.
const (
	MaxBody        = 4 << 20 // bytes, as sent and as unpacked
	MaxReply       = 4 << 20 // bytes of any answer but an image
	MaxDevices     = 1024
	MaxDeployables = 4096  // in all
	MaxHandles     = 16384 // in all
	MaxAttributes  = 65536 // in all
	MaxProblems    = 4096
	MaxDrivers     = 64
	MaxHealth      = MaxDevices
	MaxReasons     = 16
	MaxInFlight    = 4           // requests of one host, polls included
	MaxCommands    = 256         // in one answer
	MaxName        = 255         // bytes of a name
	MaxText        = 16 << 10    // bytes of any other text of a device
	MaxDevice      = 896 << 10   // bytes of a device without its attach handles, about as it is stored
	MaxMessage     = 1024        // bytes of what a result says
	MaxWait        = time.Minute // of one poll for commands
)

// Codes of an Error, by status.
const (
	CodeInvalid         = "invalid"          // 400: the body is refused; sending it again is of no use
	CodeNoCommonVersion = "no_version"       // 400: see Error.Versions
	CodeUnauthorized    = "unauthorized"     // 401: neither certificate nor token
	CodeForbidden       = "forbidden"        // 403: they name another host, or there is no command for that image
	CodeNotFound        = "not_found"        // 404: no such path, command or image
	CodeSessionUnknown  = "session_unknown"  // 409: open a new one
	CodeSessionReplaced = "session_replaced" // 409: another agent of this host took over; stop
	CodeStale           = "stale"            // 409: seq or scan is not above the last one
	CodeResultDiffers   = "result_differs"   // 409: another result is on record; stop repeating
	CodeDigestDiffers   = "digest_differs"   // 412: If-Match is not the last digest; send without
	CodeTooLarge        = "too_large"        // 413
	CodeBusy            = "busy"             // 429: too many requests in flight
	CodeUnavailable     = "unavailable"      // 503: later, see Retry-After
	CodeInternal        = "internal"         // 500
)

// Error is the body of every answer that is neither 2xx nor 304.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"` // for people
	// Versions that the service speaks, with CodeNoCommonVersion.
	Versions []int `json:"versions,omitempty"`
}

// Error gives the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }
