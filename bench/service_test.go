package bench

import (
	"bufio"
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

// service is the real binary, in a process of its own.
type service struct {
	pid     int
	api     string // address and port
	metrics string // URL
	chatty  bool   // it does not know the option that turns its access log off
}

const configuration = `
[DEFAULT]
state_path = %s
[api]
port = 0
auth_strategy = none
access_log = false
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
	binary := buildService(tb)
	dir := diskDir(tb)
	config := filepath.Join(dir, "arqd.conf")
	text := fmt.Sprintf(configuration, filepath.Join(dir, "state"), fakeHost, fakeDevices, handlesPerDevice)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", "--config-file", config)
	log, write := io.Pipe()
	cmd.Stderr = write
	_, out := begin(tb, cmd)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	tb.Cleanup(func() { stopService(tb, cmd, write) })
	s := &service{pid: cmd.Process.Pid}
	if !s.readLog(log) {
		tb.Fatalf("the service did not start: run %s serve --config-file %s", binary, config)
	}
	return s
}

func stopService(tb testing.TB, cmd *exec.Cmd, log *io.PipeWriter) {
	tb.Helper()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	if err := cmd.Wait(); err != nil {
		tb.Errorf("the service ended with %v", err)
	}
	_ = log.Close()
}

func buildService(tb testing.TB) string {
	tb.Helper()
	if binary := os.Getenv(binaryVariable); binary != "" {
		return binary
	}
	binary := filepath.Join(tb.TempDir(), "arqd")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "github.com/arqd/arqd/cmd/arqd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("building the service: %v\n%s", err, out)
	}
	return binary
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
		case strings.Contains(line, "access_log"):
			s.chatty = true
		case url != nil && strings.Contains(line, "accelerator API"):
			s.api = strings.TrimSuffix(url[1], "/v2")
		case url != nil && strings.Contains(line, "metrics"):
			s.metrics = "http://" + url[1] + "/metrics"
		case strings.Contains(line, "msg=ready"):
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return s.api != "" && s.metrics != ""
		}
	}
	return false
}

func (s *service) scrape(tb testing.TB) Metrics {
	tb.Helper()
	m, err := ReadMetrics(background, s.metrics)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// profileName is the device profile of the benchmarks; its group is of the
// usual size.
const profileName = "bench-fpga"

var profileGroup = []Resource{
	{"resources:FPGA", "1"},
	{"trait:CUSTOM_FAKE_DEVICE", "required"},
	{"trait:CUSTOM_FPGA_BROKEN", "forbidden"},
	{"accel:function_name", "crypto"},
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
		OnBody: func(b []byte) { made = append(made, FirstUUID(b)) },
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
	return requests(ids, func(i int, id uuid.UUID) []byte {
		return BindARQ(s.api, id, Binding{Hostname: fakeHost, Provider: provider(i % fakeDevices), Instance: uuid.New()})
	})
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
