package protocol

import (
	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// OpenSession begins a session, which ends the one that the host has.
type OpenSession struct {
	Versions     []int  `json:"versions"` // of the protocol, that the agent speaks
	AgentVersion string `json:"agent_version"`
	// BootID is another one after each start of the machine:
	// /proc/sys/kernel/random/boot_id.
	BootID string `json:"boot_id"`
	// Capabilities are the commands that some driver of the agent carries out.
	Capabilities []devices.CommandKind `json:"capabilities"`
	// Drivers are those that look for devices, by their names in
	// [agent]enabled_drivers.
	Drivers []string `json:"drivers"`
	// Provider is the name of the host's own resource provider in Placement, if it
	// is another than the host's: one of the names that the agent has proven.
	Provider string `json:"resource_provider_name,omitempty"`
	// Process tells one process of an agent from the next, Journal one journal of
	// commands from another: agents with the same journal answer for each other's
	// commands, and only one of them can be at work. Zero: it does not say.
	Process uuid.UUID `json:"process,omitzero"`
	Journal uuid.UUID `json:"journal,omitzero"`
}

// Session is what the service says to it.
type Session struct {
	Session    uuid.UUID `json:"session"`
	Version    int       `json:"version"` // to be spoken from here on
	LeaseS     float64   `json:"lease_s"`
	HeartbeatS float64   `json:"heartbeat_s"`
	// WantFull asks for the inventory before anything else.
	WantFull bool `json:"want_full"`
	// KnownDigest is that of the last inventory; "": none is known.
	KnownDigest string `json:"known_digest"`
}

// Heartbeat says that the agent lives.
type Heartbeat struct {
	Session uuid.UUID `json:"session"`
	Digest  string    `json:"digest"` // of the newest inventory that the service has taken; "": none
	// Health has those devices that are not ok, with every heartbeat, and those
	// that the session has not spoken of yet or whose state, reasons or errors
	// are others than when it last did. A device that is left out is as it was
	// said to be last; one that could not be examined is left out.
	Health []DeviceHealth `json:"health,omitempty"`
}

// DeviceHealth is the health of one device.
type DeviceHealth struct {
	Device devices.ControlPathID `json:"device"`
	devices.Health
}

// HeartbeatReply is the answer to it.
type HeartbeatReply struct {
	LeaseS float64 `json:"lease_s"`
	// SendInventory asks for a new scan and its inventory, be it the same as the
	// last one.
	SendInventory bool `json:"send_inventory"`
}

// Validate says what is wrong with it.
func (o *OpenSession) Validate() error {
	c := &check{}
	c.size("versions", len(o.Versions), MaxDrivers)
	c.name("agent_version", o.AgentVersion)
	c.name("boot_id", o.BootID)
	c.size("capabilities", len(o.Capabilities), MaxDrivers)
	for _, kind := range o.Capabilities {
		c.name("capabilities", string(kind))
	}
	c.size("drivers", len(o.Drivers), MaxDrivers)
	for _, name := range o.Drivers {
		c.name("drivers", name)
	}
	if o.Provider != "" {
		c.name("resource_provider_name", o.Provider)
	}
	return c.err()
}

// Validate says what is wrong with it.
func (h *Heartbeat) Validate() error {
	c := &check{}
	c.id("session", h.Session)
	c.digest("digest", h.Digest)
	c.size("health", len(h.Health), MaxHealth)
	for i := range h.Health {
		d := &h.Health[i]
		c.path("health", d.Device)
		if !d.State.Known() {
			c.fault("health: there is no state %s", quote(string(d.State)))
		}
		c.size("reasons", len(d.Reasons), MaxReasons)
		for _, reason := range d.Reasons {
			c.text("reasons", reason, MaxMessage)
		}
		c.size("errors", len(d.Errors), MaxReasons)
		for counter := range d.Errors {
			c.name("errors", string(counter))
		}
	}
	return c.err()
}
