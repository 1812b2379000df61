package protocol

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
)

// Commands are what a host is to do. Those of one device are carried out in
// the order of N, one at a time.
type Commands struct {
	Commands []Command `json:"commands"`
}

// Command is one piece of work. A command whose ID is known is not done again:
// its result is sent again.
type Command struct {
	ID uuid.UUID `json:"id"`
	N  uint64    `json:"n"` // per host, increasing
	// DeadlineS is the time that is left as it is sent, in seconds. Once it has
	// passed, a command that was not begun fails with ResultExpired.
	DeadlineS  float64               `json:"deadline_s"`
	Kind       devices.CommandKind   `json:"kind"`
	Device     devices.ControlPathID `json:"device"`
	Deployable string                `json:"deployable"` // its name
	// DriverName is driver_name of the deployable.
	DriverName string `json:"driver_name"`
	Args       Args   `json:"args"`
	// Undoes is the command that this one compensates; one that was not begun is
	// not to be begun any more.
	Undoes *uuid.UUID `json:"undoes,omitempty"`
}

// Args are what a command needs; which, says its kind.
type Args struct {
	// Of fpga_program: the image, its size in bytes and its digest, as lower-case
	// hex of the hash md5, sha256, sha384 or sha512. Size and digest are absent
	// when no image service is there to say.
	Image  *uuid.UUID `json:"image,omitempty"`
	Size   int64      `json:"size,omitempty"`
	Hash   string     `json:"hash,omitempty"`
	Digest string     `json:"digest,omitempty"`
	// Of mdev_create and mdev_remove: the attach handle, whose uuid is that of the
	// mediated device, and its info, a JSON object as text.
	Handle     *uuid.UUID `json:"handle,omitempty"`
	HandleInfo string     `json:"handle_info,omitempty"`
	// Of vgpu_set_type: the type, beside the handle, which is the virtual function.
	VGPUType string `json:"vgpu_type,omitempty"`
}

// NewCommand makes what is sent of a command.
func NewCommand(c *devices.Command, n uint64, deadlineS float64) Command {
	w := Command{
		ID: c.ID, N: n, DeadlineS: deadlineS, Kind: c.Kind,
		Device: c.Device, Deployable: c.Deployable, DriverName: c.DriverName,
		Args: Args{Size: c.Content.Size, Hash: c.Content.Hash, Digest: c.Content.Digest, HandleInfo: c.HandleInfo, VGPUType: c.VGPUType},
	}
	if c.Image != uuid.Nil {
		w.Args.Image = &c.Image
	}
	if c.Handle != uuid.Nil {
		w.Args.Handle = &c.Handle
	}
	if c.Undoes != uuid.Nil {
		w.Undoes = &c.Undoes
	}
	return w
}

// For gives the command as a driver of a host takes it.
func (w *Command) For(host string) devices.Command {
	c := devices.Command{
		ID: w.ID, Kind: w.Kind, Host: host,
		Device: w.Device, Deployable: w.Deployable, DriverName: w.DriverName,
		HandleInfo: w.Args.HandleInfo, VGPUType: w.Args.VGPUType,
	}
	if w.Args.Image != nil {
		c.Image = *w.Args.Image
	}
	if w.Args.Image != nil && w.Args.Digest != "" {
		c.Content = devices.Image{ID: c.Image, Size: w.Args.Size, Hash: w.Args.Hash, Digest: w.Args.Digest}
	}
	if w.Args.Handle != nil {
		c.Handle = *w.Args.Handle
	}
	if w.Undoes != nil {
		c.Undoes = *w.Undoes
	}
	return c
}

// ResultState says how far a command is.
type ResultState string

const (
	// ResultRunning is a command that has been begun.
	ResultRunning ResultState = "running"
	// ResultDone is one that has succeeded.
	ResultDone ResultState = "done"
	// ResultFailed is one that has not, or of which nobody knows.
	ResultFailed ResultState = "failed"
)

// Codes of a failed command.
const (
	ResultError       = "error"       // the driver says that it failed
	ResultUnknown     = "unknown"     // the agent ended while it ran: the device is in no known state
	ResultExpired     = "expired"     // its time had passed; nothing was touched
	ResultUndone      = "undone"      // it was taken back before it was begun; nothing was touched
	ResultUnsupported = "unsupported" // no driver does such a thing; nothing was touched
	ResultNoDevice    = "no_device"   // the host has no such device; nothing was touched
)

// Result says what became of a command. It may be repeated, as it is; the
// first of ResultDone and ResultFailed is what counts.
type Result struct {
	Session  uuid.UUID   `json:"session"`
	State    ResultState `json:"state"`
	Code     string      `json:"code,omitempty"`     // of ResultFailed
	Message  string      `json:"message,omitempty"`  // for people, MaxMessage bytes at most
	Progress int         `json:"progress,omitempty"` // per cent, of ResultRunning
}

// Ends tells whether nothing comes after it.
func (r *Result) Ends() bool { return r.State == ResultDone || r.State == ResultFailed }

// Validate says what is wrong with it.
func (r *Result) Validate() error {
	c := &check{}
	c.id("session", r.Session)
	c.text("code", r.Code, MaxName)
	c.text("message", r.Message, MaxMessage)
	switch r.State {
	case ResultRunning, ResultDone:
		if r.Code != "" {
			c.fault("code belongs to the state failed")
		}
	case ResultFailed:
		c.name("code", r.Code)
	default:
		c.fault("there is no state %s", quote(string(r.State)))
	}
	if r.Progress < 0 || r.Progress > 100 {
		c.fault("progress is per cent, not %d", r.Progress)
	}
	return c.err()
}

// digestNames are the names of hashes in the header Digest.
var digestNames = map[string]string{"md5": "md5", "sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}

// DigestHeader is the header Digest of an image, such as sha-256=BASE64; "":
// nothing is known of its content.
func DigestHeader(i *devices.Image) string {
	sum, err := hex.DecodeString(i.Digest)
	name := digestNames[i.Hash]
	if err != nil || name == "" || len(sum) == 0 {
		return ""
	}
	return name + "=" + base64.StdEncoding.EncodeToString(sum)
}

// ParseDigestHeader reads it back: the hash, and the digest as lower-case hex.
func ParseDigestHeader(header string) (hash, digest string, ok bool) {
	name, text, _ := strings.Cut(header, "=")
	sum, err := base64.StdEncoding.DecodeString(text)
	for hash, known := range digestNames {
		if strings.EqualFold(known, name) && err == nil && len(sum) > 0 {
			return hash, hex.EncodeToString(sum), true
		}
	}
	return "", "", false
}
