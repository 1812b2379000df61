package history

// Kind is what an operation asks for.
type Kind string

// The kinds of operations. Restart is nobody's request: the process ended, in
// whatever way, and another one started over the same store.
const (
	Create           Kind = "create"
	Patch            Kind = "patch"
	Delete           Kind = "delete"
	DeleteOfInstance Kind = "delete of instance"
	Show             Kind = "show"
	List             Kind = "list"
	ListOfInstance   Kind = "list of instance"
	ListResolved     Kind = "list of instance, resolved"
	SetDevice        Kind = "set device"
	ShowDevice       Kind = "show device"
	ShowImage        Kind = "show image"
	Restart          Kind = "restart"
)

// Operation is one request of a client and what came back. Times are in
// nanoseconds since the run began. An operation without an answer has status 0,
// and Return is a moment after which it can no longer take effect.
type Operation struct {
	Cell    int     `json:"cell"`
	Client  int     `json:"client"`
	Call    int64   `json:"call"`
	Return  int64   `json:"return"`
	Request Request `json:"request"`
	Answer  Answer  `json:"answer"`
}

// Request holds the fields that its Kind needs.
type Request struct {
	Kind    Kind   `json:"kind"`
	Profile string `json:"profile,omitempty"`
	// Token is the project that a Create or the binds of a Patch put the ARQs
	// into: it shows in every later answer who wrote last.
	Token    string   `json:"token,omitempty"`
	Items    []Item   `json:"items,omitempty"`
	ARQs     []string `json:"arqs,omitempty"` // uuids
	Instance string   `json:"instance,omitempty"`
	Device   string   `json:"device,omitempty"`
	Enable   bool     `json:"enable,omitempty"`
}

// Item is what a Patch does with one ARQ: it binds it to an instance on a
// device, or unbinds it (Device is empty).
type Item struct {
	ARQ      string `json:"arq"`
	Device   string `json:"device,omitempty"`
	Host     string `json:"host,omitempty"` // where it is not the device's own
	Instance string `json:"instance,omitempty"`
}

// Answer is what the client saw.
type Answer struct {
	Status  int    `json:"status"` // 0: none
	ARQs    []ARQ  `json:"arqs,omitempty"`
	Enabled bool   `json:"enabled,omitempty"`
	Image   string `json:"image,omitempty"`
	// Reason is what the answer says of a refusal: for people, not judged.
	Reason string `json:"reason,omitempty"`
}

// ARQ is an accelerator request in an answer. Device and Instance are empty
// unless it names them, Handle is empty unless it shows one.
type ARQ struct {
	UUID     string `json:"uuid"`
	State    string `json:"state"`
	Profile  string `json:"profile"`
	Owner    string `json:"owner"` // its project
	Device   string `json:"device,omitempty"`
	Instance string `json:"instance,omitempty"`
	Handle   string `json:"handle,omitempty"`
}

// Setting is what stays the same throughout a run.
type Setting struct {
	Seed     uint64             `json:"seed"`
	Handles  int                `json:"handles"` // attach handles of each device
	Profiles map[string]Profile `json:"profiles"`
}

// Profile is a device profile: how many ARQs it makes, and the image that has
// to be loaded for them. Fails says that loading it always fails.
type Profile struct {
	Amount int    `json:"amount"`
	Image  string `json:"image,omitempty"`
	Fails  bool   `json:"fails,omitempty"`
}

// Device is what can be seen of a device at a moment of rest.
type Device struct {
	Enabled bool   `json:"enabled"`
	Image   string `json:"image,omitempty"`
}

// Snapshot is a cell at a moment of rest.
type Snapshot struct {
	ARQs    []ARQ             `json:"arqs,omitempty"`
	Devices map[string]Device `json:"devices"`
}

// Trial is what happened in one cell between two moments of rest. Its last
// operations are the reads of the second of them.
type Trial struct {
	Epoch      int         `json:"epoch"`
	Cell       int         `json:"cell"`
	Unreliable bool        `json:"unreliable,omitempty"` // work on devices may fail
	Start      Snapshot    `json:"start"`
	Operations []Operation `json:"-"`
}
