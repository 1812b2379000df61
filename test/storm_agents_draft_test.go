package test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// calmHost is a host whose agent behaves, wildHosts are those whose agents do not.
const calmHost = "calm"

var wildHosts = []string{"wild", "wild.2"}

// wilds is what the agents of the wild hosts know.
type wilds struct {
	mu       sync.Mutex
	hosts    map[string]*wildHost
	commands []uuid.UUID // some that were sent, to whomever
	images   []uuid.UUID
}

type wildHost struct {
	session   uuid.UUID
	seq, scan uint64
	digest    string // of the last inventory that was taken, perhaps
}

func newWilds() *wilds {
	w := &wilds{hosts: map[string]*wildHost{}}
	for _, host := range wildHosts {
		w.hosts[host] = &wildHost{}
	}
	return w
}

// of gives what is known of a host, with the next numbers of an inventory.
func (w *wilds) of(host string) wildHost {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hosts[host]
	h.seq++
	h.scan++
	return *h
}

// opened takes note of a session.
func (w *wilds) opened(host string, session uuid.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[host].session = session
}

// sent takes note of commands, which later requests may name.
func (w *wilds) sent(commands []protocol.Command) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range commands {
		w.commands = append(w.commands, c.ID)
		if c.Args.Image != nil {
			w.images = append(w.images, *c.Args.Image)
		}
	}
	w.commands = w.commands[max(0, len(w.commands)-keptARQs):]
	w.images = w.images[max(0, len(w.images)-keptARQs):]
}

// aCommand, like anImage, gives one that was sent, or else one that nobody knows.
func (w *wilds) aCommand(rng *rand.Rand) uuid.UUID { return w.some(&w.commands, rng) }

func (w *wilds) anImage(rng *rand.Rand) uuid.UUID { return w.some(&w.images, rng) }

func (w *wilds) some(of *[]uuid.UUID, rng *rand.Rand) uuid.UUID {
	n := rng.IntN(keptARQs)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(*of) == 0 || n%8 == 0 {
		return uuid.New()
	}
	return (*of)[n%len(*of)]
}

// draft gives a request of a wild host's agent, mutated as often as not.
func (w *wilds) draft(rng *rand.Rand) *draft {
	host := wildHosts[rng.IntN(len(wildHosts))]
	d := &draft{version: "HTTP/1.1", id: newCanary(), lines: []headerLine{{"Host", "a"}}}
	speaksFor, token := host, "Bearer "+tokenOf(host)
	switch rng.IntN(24) {
	case 0:
		token = pickOne(rng, "", "Bearer", "Bearer ", "Bearer x", "bearer "+tokenOf(host), "Basic "+tokenOf(host), token+" ", token+"x", "Bearer  "+tokenOf(host))
	case 1:
		speaksFor = calmHost
	case 2:
		speaksFor = pickOne(rng, "", "wild", "wild.2", "WILD", "wild%00", "wild/../calm", "calm_", "a b", "\xff", strings.Repeat("h", 300))
	}
	d.set("Authorization", token)
	w.good(d, host, speaksFor, rng)
	if len(d.body) > 0 && rng.IntN(12) == 0 {
		d.body = packed(d.body, rng)
		d.set("Content-Encoding", "gzip")
	}
	if rng.IntN(3) == 0 {
		for range 1 + rng.IntN(3) {
			d.mutate(rng)
		}
	}
	if d.method == http.MethodHead { // in a stream that is broken nobody knows which answer is without its body
		d.method = http.MethodOptions
	}
	return d
}

func packed(body []byte, rng *rand.Rand) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // a bytes.Buffer takes all
	_ = z.Close()
	if rng.IntN(4) == 0 {
		return mutateBytes(b.Bytes(), rng, wireWords)
	}
	return b.Bytes()
}

// good makes a request of the protocol, whatever may be in it.
func (w *wilds) good(d *draft, host, speaksFor string, rng *rand.Rand) {
	h := w.of(host)
	if rng.IntN(30) == 0 {
		h.session = uuid.New()
	}
	switch n := rng.IntN(20); {
	case n < 1:
		d.method, d.target = http.MethodPost, protocol.SessionPath(speaksFor)
		d.body = encode(wildSession(host, rng))
	case n < 9:
		d.method, d.target = http.MethodPut, protocol.InventoryPath(speaksFor)
		if rng.IntN(10) == 0 {
			d.set("If-Match", pickOne(rng, protocol.ETag(h.digest), "*", `"`, protocol.ETag(strings.Repeat("0", 64)), h.digest))
		}
		d.body = w.inventory(host, &h, rng)
	case n < 13:
		d.method, d.target = http.MethodPost, protocol.HeartbeatPath(speaksFor)
		d.body = wildHeartbeat(host, &h, rng)
	case n < 16:
		d.method = http.MethodGet
		d.target = fmt.Sprintf("%s?session=%s&wait=%s&after=%s", protocol.CommandsPath(speaksFor), h.session,
			pickOne(rng, "0", "0", "0.05", "0.05", "-1", "1e-9", "NaN", "Inf", "61", "x", "0x1p-2"), pickOne(rng, "0", "", "1", "-1", "18446744073709551615", "18446744073709551616"))
	case n < 19:
		d.method, d.target = http.MethodPost, protocol.ResultPath(speaksFor, w.aCommand(rng))
		d.body = mutatedJSON(encode(protocol.Result{
			Session: h.session, State: protocol.ResultState(pickOne(rng, "done", "failed", "running", "failed", "lost", "")),
			Code:    pickOne(rng, "", "error", "unknown", "expired", "undone", "unsupported", "no_device", "brewed"),
			Message: pickOne(rng, "", "no", oddText(rng)), Progress: rng.IntN(120) - 10,
		}), rng, 6)
	default:
		d.method = http.MethodGet
		d.target = fmt.Sprintf("%s?host=%s&session=%s", protocol.ImagePath(w.anImage(rng)), speaksFor, h.session)
		d.set("Range", pickOne(rng, "bytes=0-", "bytes=1-", "bytes=-1", "bytes=9223372036854775807-", "bytes=0-1,2-3", "x"))
	}
	d.set("Content-Type", jsonType)
}

func wildSession(host string, rng *rand.Rand) protocol.OpenSession {
	o := protocol.OpenSession{
		Versions: []int{1}, AgentVersion: "storm", BootID: pickOne(rng, "boot-1", "boot-1", "boot-1", "boot-2", oddText(rng)),
		Capabilities: []devices.CommandKind{devices.ProgramFPGA, devices.CreateMdev, devices.RemoveMdev, devices.SetVGPUType},
		Drivers:      wildDrivers,
	}
	switch rng.IntN(6) {
	case 0:
		o.Versions = []int{0, 2, -1}
	case 1:
		o.Capabilities = nil
	case 2:
		o.Drivers = slices.Clone(wildDrivers[:rng.IntN(len(wildDrivers))])
	case 3:
		o.Provider = pickOne(rng, calmHost, host, "wild", oddText(rng))
	case 4: // one of a few agents
		o.Process, o.Journal = uuid.UUID{15: byte(1 + rng.IntN(3))}, uuid.UUID{15: byte(1 + rng.IntN(2))}
	}
	return o
}

func wildHeartbeat(host string, h *wildHost, rng *rand.Rand) []byte {
	b := protocol.Heartbeat{Session: h.session, Digest: pickOne(rng, "", h.digest, strings.Repeat("0", 64))}
	for range rng.IntN(4) {
		e := protocol.DeviceHealth{Device: wildDevice(host, rng).ControlPath}
		e.State = devices.HealthState(pickOne(rng, "ok", "ok", "degraded", "failed", "gone", "well"))
		if rng.IntN(2) == 0 {
			e.Reasons = []string{oddText(rng)}
		}
		if rng.IntN(3) == 0 {
			e.Errors = map[devices.ErrorCounter]uint64{
				devices.ErrorCounter(pickOne(rng, "pcie_fatal", "pcie_nonfatal", "ecc_uncorrectable", "xid_critical", "brewed", oddText(rng))): rng.Uint64() >> rng.IntN(64),
			}
		}
		b.Health = append(b.Health, e)
	}
	return mutatedJSON(encode(b), rng, 4)
}

// inventory makes one whose digest is that of its content, as the service reads it,
// if it can be read at all.
func (w *wilds) inventory(host string, h *wildHost, rng *rand.Rand) []byte {
	c := wildContent(host, rng)
	text := mutatedJSON(encode(c), rng, 2)
	var read protocol.Content
	if json.Unmarshal(text, &read) != nil || len(text) < 2 || text[0] != '{' {
		return text
	}
	h.digest = read.Digest()
	w.mu.Lock()
	w.hosts[host].digest = h.digest
	w.mu.Unlock()
	head := fmt.Appendf(nil, `{"session": %q, "seq": %d, "scan": %d, "digest": %q`, h.session, h.seq, h.scan, h.digest)
	if len(read.Devices)+len(read.Problems)+len(read.Complete) > 0 || text[1] != '}' {
		head = append(head, ", "...)
	}
	return append(head, text[1:]...)
}

// mutatedJSON changes a part or two of one text in some.
func mutatedJSON(text []byte, rng *rand.Rand, oneIn int) []byte {
	if rng.IntN(oneIn) > 0 {
		return text
	}
	t := parseTree(text)
	if t == nil {
		return text
	}
	for range 1 + rng.IntN(2) {
		t.mutate(rng)
	}
	return t.appendTo(nil)
}

// judgeAgents holds an answer of the agents' listener against docs/agents.md.
func (w *wilds) judge(d *draft, a *answer) string {
	switch {
	case a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "":
		return "503 without Retry-After"
	case a.status >= 500 && a.status != http.StatusServiceUnavailable:
		return "a failure of the service"
	case a.status >= 400 && a.status != http.StatusRequestedRangeNotSatisfiable:
		var e protocol.Error
		if err := json.Unmarshal(a.body, &e); err != nil || e.Message == "" || !slices.Contains(codesOf[a.status], e.Code) {
			return fmt.Sprintf("no error of the protocol: %+v, %v", e, err)
		}
	case len(a.body) > 0 && !json.Valid(a.body):
		return "no JSON"
	}
	if len(a.body) > 0 && a.header.Get("Content-Type") != jsonType {
		return "content type " + a.header.Get("Content-Type")
	}
	if d == nil || a.status >= 300 {
		return ""
	}
	return w.learn(d, a)
}

// learn takes note of what a good answer says, and says what should have been none.
func (w *wilds) learn(d *draft, a *answer) string {
	rest, _ := strings.CutPrefix(d.target, protocol.Prefix+"/hosts/")
	host, rest, _ := strings.Cut(rest, "/")
	if host == calmHost || !slices.ContainsFunc(wildHosts, func(h string) bool { return d.says("Authorization", "Bearer "+tokenOf(h)) }) {
		return "served to somebody who is not the host"
	}
	var s protocol.Session
	if rest != "session" || w.hosts[host] == nil || json.Unmarshal(a.body, &s) != nil {
		return ""
	}
	w.opened(host, s.Session)
	var o protocol.OpenSession
	if json.Unmarshal(d.body, &o) == nil && o.Provider == calmHost {
		return "it has got another's provider"
	}
	return ""
}

// codesOf are the codes of each status, as the protocol has them.
var codesOf = map[int][]string{
	400: {protocol.CodeInvalid, protocol.CodeNoCommonVersion},
	401: {protocol.CodeUnauthorized},
	403: {protocol.CodeForbidden},
	404: {protocol.CodeNotFound},
	409: {protocol.CodeSessionUnknown, protocol.CodeSessionReplaced, protocol.CodeStale, protocol.CodeResultDiffers},
	412: {protocol.CodeDigestDiffers},
	413: {protocol.CodeTooLarge},
	429: {protocol.CodeBusy},
	503: {protocol.CodeUnavailable},
}
