package actors

import (
	"cmp"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
)

// HostState says what is known of the agent of a host.
type HostState uint8

// The states of a host.
const (
	// HostUnknown is a host that was not heard of since the service started.
	HostUnknown HostState = iota
	// HostFresh is one whose agent holds a lease.
	HostFresh
	// HostStale is one whose lease has ended: nothing is begun there that needs
	// its agent.
	HostStale
	// HostDead is one that has been stale for long: it gives nothing away, and
	// what it has is reserved for the scheduler.
	HostDead
	hostStates
)

var hostStateNames = [hostStates]string{"unknown", "fresh", "stale", "dead"}

// String gives the name of the state, as metrics and log have it.
func (s HostState) String() string { return hostStateNames[s] }

// Host is a compute host with an agent: a published, immutable view.
type Host struct {
	Name string
	// Provider is the name of the compute host's own resource provider.
	Provider string
	State    HostState
	// Capabilities are the commands that its agent carries out, if it has a
	// session.
	Capabilities []devices.CommandKind
	Session      bool
}

// kindHost has, per host with an agent, what must survive a restart.
const kindHost persistence.Kind = "host"

// hostNamespace is where the ids of hosts' records come from.
var hostNamespace = uuid.MustParse("5b6a3f0e-5d1c-4d0e-9d52-0c1f2f6d8a11")

func hostKey(name string) persistence.Key {
	return persistence.Key{Kind: kindHost, ID: uuid.NewSHA1(hostNamespace, []byte(name))}
}

// hostRecord is the record.
type hostRecord struct {
	Generation uint64 `json:"-"`
	Name       string `json:"name"`
	// BootID is that of the machine's last start that all devices have on record.
	BootID string `json:"boot_id"`
	Digest string `json:"digest,omitempty"` // of the last inventory; "": none
	Dead   bool   `json:"dead,omitempty"`
	// Provider is the name of the host's resource provider; "": Name.
	Provider string `json:"provider,omitempty"`
	// Journal is that of the agent that was heard of last, and Boot the start of the
	// machine that it was heard of in. Zero: it has not said.
	Journal uuid.UUID `json:"journal,omitzero"`
	Boot    string    `json:"boot,omitempty"`
}

// provider gives the name of the host's resource provider.
func (h *hostRecord) provider() string { return cmp.Or(h.Provider, h.Name) }

func decodeHost(r persistence.Record) (*hostRecord, error) {
	h := &hostRecord{Generation: r.Generation}
	return h, decodeJSON(r, h)
}

// putHost writes a host's record.
func (b *batch) putHost(before, after *hostRecord) {
	expected := orNew(before).Generation
	after.Generation = expected + 1
	b.put(hostKey(after.Name), expected, encodeJSON(after), nil)
}
