package bench

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/rest"
)

var background = context.Background()

// binaryVariable names a binary to measure instead of one built from this
// checkout: to compare two of them.
const binaryVariable = "ARQD_BENCH_BINARY"

// The fake devices that ARQs are bound to. No more than bindable ARQs may be
// bound at a time.
const (
	fakeHost         = "bench"
	fakeDevices      = 16
	handlesPerDevice = 128
	bindable         = fakeDevices * handlesPerDevice
)

// place is where a service runs: its binary, its state and its fake devices.
type place struct {
	binary, config, state string
}

// newPlace makes a place with an empty store, and so many handles on each fake
// device.
func newPlace(tb testing.TB, binary string, handles int) *place {
	tb.Helper()
	dir := diskDir(tb)
	p := &place{binary: binary, config: filepath.Join(dir, "arqd.conf"), state: filepath.Join(dir, "state")}
	text := fmt.Sprintf(configuration, p.state, fakeHost, fakeDevices, handles)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return p
}

// service is the real binary, in a process of its own.
type service struct {
	cmd       *exec.Cmd
	ended     chan error
	pid       int
	api       string // address and port
	operators string // URL
	chatty    bool   // it does not know the options that turn its log of requests off
}

const configuration = `
[DEFAULT]
state_path = %s
[api]
port = 0
auth_strategy = none
access_log = false
audit_log = false
[arqd]
admin_port = 0
[fake]
hosts = %s
devices_per_host = %d
handles_per_device = %d
`

// startService starts the service on an empty store; it ends with the
// benchmark.
func startService(tb testing.TB) *service {
	tb.Helper()
	s := newPlace(tb, buildService(tb), handlesPerDevice).start(tb)
	tb.Cleanup(func() { s.stop(tb) })
	return s
}

// start starts the service and waits until it says that it is ready.
func (p *place) start(tb testing.TB) *service {
	tb.Helper()
	s := &service{cmd: exec.Command(p.binary, "serve", "--config-file", p.config), ended: make(chan error, 1)}
	log, write := io.Pipe()
	s.cmd.Stderr = write
	_, out := begin(tb, s.cmd)
	go func() {
		_, _ = io.Copy(io.Discard, out)
		s.ended <- s.cmd.Wait()
		_ = write.Close()
	}()
	s.pid = s.cmd.Process.Pid
	if !s.readLog(log) {
		s.kill()
		tb.Fatalf("the service did not start: run %s serve --config-file %s", p.binary, p.config)
	}
	return s
}

func (s *service) stop(tb testing.TB) {
	tb.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(30*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	if err := <-s.ended; err != nil {
		tb.Errorf("the service ended with %v", err)
	}
}

// kill ends the service at once, as kill -9 does.
func (s *service) kill() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// built is the binary that this process has built; TestMain removes it.
var built string

func buildService(tb testing.TB) string {
	tb.Helper()
	if binary := cmp.Or(os.Getenv(binaryVariable), built); binary != "" {
		return binary
	}
	dir, err := os.MkdirTemp("", "arqd-bench-") //nolint:usetesting // it outlives the test
	if err != nil {
		tb.Fatal(err)
	}
	built = filepath.Join(dir, "arqd")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", built, "github.com/arqd/arqd/cmd/arqd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("building the service: %v\n%s", err, out)
	}
	return built
}

var logURL = regexp.MustCompile(`url=http://(\S+)`)

// readLog reads where the service listens, as it says itself, and throws the
// rest of its log away.
func (s *service) readLog(log io.Reader) (ready bool) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		line := lines.Text()
		url := logURL.FindStringSubmatch(line)
		switch {
		case strings.Contains(line, "access_log"), strings.Contains(line, "audit_log"):
			s.chatty = true
		case url != nil && strings.Contains(line, "accelerator API"):
			s.api = strings.TrimSuffix(url[1], "/v2")
		case url != nil && strings.Contains(line, "metrics"):
			s.operators = "http://" + url[1]
		case strings.Contains(line, "msg=ready"):
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return s.api != "" && s.operators != ""
		}
	}
	return false
}

func (s *service) scrape(tb testing.TB) Metrics {
	tb.Helper()
	m, err := ReadMetrics(background, s.operators+"/metrics")
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// profileName is the device profile of the benchmarks; its group is of the
// usual size.
const profileName = "bench-fpga"

var profileGroup = []rest.Resource{
	{Key: "resources:FPGA", Value: "1"},
	{Key: "trait:CUSTOM_FAKE_DEVICE", Value: "required"},
	{Key: "trait:CUSTOM_FPGA_BROKEN", Value: "forbidden"},
	{Key: "accel:function_name", Value: "crypto"},
}

func run(tb testing.TB, load Load) Result {
	tb.Helper()
	result, err := Run(tb.Context(), load)
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// do sends one request and gives the body of the answer.
func (s *service) do(tb testing.TB, request []byte, status int) (body []byte) {
	tb.Helper()
	run(tb, Load{
		Addr: s.api, Connections: 1, Requests: [][]byte{request}, Count: 1, Status: status,
		OnBody: func(b []byte) { body = append(body, b...) },
	})
	return body
}

// create makes ARQs and gives their uuids.
func (s *service) create(tb testing.TB, n int) []uuid.UUID {
	tb.Helper()
	made := make([]uuid.UUID, 0, n)
	run(tb, Load{
		Addr: s.api, Connections: 64, Requests: [][]byte{CreateARQs(s.api, profileName)}, Count: n, Status: 201,
		OnBody: func(b []byte) { made = append(made, rest.FirstUUID(b)) },
	})
	return made
}

// requests makes a request of each uuid.
func requests(ids []uuid.UUID, request func(i int, id uuid.UUID) []byte) [][]byte {
	all := make([][]byte, len(ids))
	for i, id := range ids {
		all[i] = request(i, id)
	}
	return all
}

// binds binds each ARQ for an instance of its own, over all devices in turn.
func (s *service) binds(ids []uuid.UUID) [][]byte {
	return requests(ids, func(i int, id uuid.UUID) []byte { return BindARQ(s.api, id, bindingOf(i)) })
}

// bindingOf gives the place of the i-th ARQ, for an instance of its own.
func bindingOf(i int) rest.Binding {
	return rest.Binding{Hostname: fakeHost, Provider: provider(i % fakeDevices), Instance: uuid.New()}
}

func (s *service) deletions(ids []uuid.UUID) [][]byte {
	return requests(ids, func(_ int, id uuid.UUID) []byte { return DeleteARQ(s.api, id) })
}

// provider is the resource provider of a fake device: by name, as everywhere.
func provider(device int) uuid.UUID {
	name := fakeHost + "_FakeDevice"
	if device > 0 {
		name = fmt.Sprintf("%s_%d", name, device)
	}
	return uuid.NewMD5(uuid.NameSpaceDNS, []byte(name))
}
