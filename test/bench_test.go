package test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/arqd/arqd/bench/report"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

const benchLimit = 2 * time.Minute

// benchRun is an `arqd bench` and what it said.
type benchRun struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	file           string
}

// bench begins a short scenario against a service: few iterations, no warm-up.
func (p *process) bench(args []string, env ...string) *benchRun {
	p.t.Helper()
	return p.benchTo(nil, args, env...)
}

// benchTo does so with a file for all that it says; nil: it is kept.
func (p *process) benchTo(out *os.File, args []string, env ...string) *benchRun {
	p.t.Helper()
	b := &benchRun{file: filepath.Join(p.t.TempDir(), "out.json")}
	all := slices.Concat([]string{"bench", args[0], "--url", p.api + "/v2"}, args[1:], []string{
		"--server-pid", strconv.Itoa(p.cmd.Process.Pid), "--json", b.file,
	})
	b.cmd = exec.Command(binary(p.t), all...)
	b.cmd.Env = append(b.cmd.Environ(), env...)
	b.cmd.Stdout, b.cmd.Stderr = &b.stdout, &b.stderr
	if out != nil {
		b.cmd.Stdout, b.cmd.Stderr = out, out
	}
	b.cmd.SysProcAttr = dieWithParent()
	if err := b.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return b
}

// end waits for the end of a scenario and gives its results.
func (b *benchRun) end(t *testing.T, code int) *report.File {
	t.Helper()
	late := time.AfterFunc(benchLimit, func() { _ = b.cmd.Process.Kill() })
	defer late.Stop()
	_ = b.cmd.Wait() // the exit code is looked at
	if got := b.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%v ended with %d, want %d:\n%s%s", b.cmd.Args[1:], got, code, &b.stdout, &b.stderr)
	}
	f, err := report.Read(b.file)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// goods gives the good calls of all repetitions, "phase/operation", and fails
// the test if there were others.
func goods(t *testing.T, f *report.File) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	for _, r := range f.Rows() {
		all[r.Phase+"/"+r.Operation] += r.Good
		if r.Bad > 0 {
			t.Errorf("%s, %s: %v", r.Phase, r.Operation, r.Outcomes)
		}
	}
	return all
}

// nothingLeft fails the test if a benchmark has left something.
func (c *client) nothingLeft() {
	c.t.Helper()
	if arqs, profiles := c.arqs(""), c.profiles(); len(arqs) > 0 || len(profiles) > 0 {
		c.t.Errorf("left are the ARQs %v and the profiles %v", arqs, profiles)
	}
}

// TestBench: each scenario makes the calls that it should, all of them good,
// and leaves nothing.
func TestBench(t *testing.T) {
	t.Parallel()
	p := start(t, options{"fake.handles_per_device": "64"})
	c := p.client()
	for name, s := range map[string]struct {
		args string
		want map[string]int64 // good calls of two repetitions
	}{
		"create": {"create --count 30 --arqs 3", map[string]int64{"create/create": 60}},
		"at a rate": {
			"create --count 30 --rate 2000 --ramp 10ms", map[string]int64{"create/create": 60},
		},
		"boot": {"boot --count 20 --arqs 8", map[string]int64{
			"boot/boot": 40, "boot/profile": 40, "boot/create": 40, "boot/bind": 40, "boot/show": 40, "boot/delete": 40,
		}},
		"storm": {"storm --count 20 --arqs 2 --rate 500 --ramp 20ms", map[string]int64{
			"boot/boot": 40, "boot/profile": 40, "boot/create": 40, "boot/bind": 40, "boot/show": 40, "boot/delete": 40,
		}},
		"read": {"read --count 20 --stored 100 --page 10", map[string]int64{
			"show/show": 40, "instance/instance": 40, "page/page": 40, "list/list": 40,
		}},
		"fill": {"fill --count 10 --stored 320 --arqs 16 --page 10", map[string]int64{
			"create/create": 20, "show/show": 20, "instance/instance": 20, "page/page": 20, "fill/fill": 20,
			"create, full/create, full": 20, "show, full/show, full": 20, "instance, full/instance, full": 20, "page, full/page, full": 20,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := p.bench(append(strings.Fields(s.args), shortly...)).end(t, 0)
			if got := goods(t, f); !maps.Equal(got, s.want) {
				t.Errorf("good calls: %v, want %v", got, s.want)
			}
			if !f.Cleanup.Complete() || f.Cleanup.DeletedProfiles == 0 || f.Interrupted {
				t.Errorf("%+v", f.Cleanup)
			}
			if u := f.Phases[0].Repetitions[0].Server; u == nil || u.RSSPeak == 0 {
				t.Errorf("of the service was measured: %+v", u)
			}
			c.nothingLeft()
		})
	}
	t.Run("mixed", func(t *testing.T) {
		f := p.bench(append(strings.Fields("mixed --count 200 --stored 64 --page 10 --seed 7"), shortly...)).end(t, 0)
		got := goods(t, f)
		if got["mixed/mixed"] != 400 || got["mixed/boot"] == 0 || got["mixed/page"] == 0 || got["mixed/create"]+got["mixed/boot"] == 0 ||
			got["mixed/show one"]+got["mixed/instance"]+got["mixed/page"]+got["mixed/delete"] != 400 {
			t.Errorf("good calls: %v", got)
		}
		c.nothingLeft()
	})
}

// TestBenchOverload: it is found out what can be done, so much and more is sent, and
// what came of it is said.
func TestBenchOverload(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	f := p.bench(append(strings.Fields("overload --count 40"), shortly...)).end(t, 0)
	rates := map[string]float64{}
	for i := range f.Phases {
		rates[f.Phases[i].Name] = f.Phases[i].Rate
	}
	if len(rates) != 5 || rates["capacity"] != 0 || rates["at 300 %"] < 2.9*rates["at 100 %"] || rates["at 100 %"] < 1.4*rates["at 70 %"] {
		t.Errorf("rates: %v", rates)
	}
	if got := goods(t, f); got["capacity/capacity"] != 80 || got["at 300 %/at 300 %"] != 80 {
		t.Errorf("good calls: %v", got)
	}
	if len(f.Notes) != 4 || !strings.Contains(f.Notes[3], "at 300 % of capacity") {
		t.Errorf("notes: %q", f.Notes)
	}
	p.client().nothingLeft()
}

// shortly is not measured for its speed.
var shortly = []string{"--duration", "0s", "--warmup", "0s", "--repeat", "2", "--concurrency", "4", "--quiet"}

// TestBenchWaitsForEvents at its own listener, where the service believes Nova
// to be.
func TestBenchWaitsForEvents(t *testing.T) {
	t.Parallel()
	k, address := openstacktest.NewKeystone(t), "127.0.0.1:"+freePort(t)
	p := start(t, options{
		"nova.auth_url": k.URL, "nova.user_id": "arqd", "nova.project_id": "service", "nova.password": openstacktest.Password,
		"nova.endpoint_override": "http://" + address + "/v2.1", "fake.handles_per_device": "64",
	})
	args := append(strings.Fields("boot --count 10 --arqs 2 --listen "+address), shortly...)
	f := p.bench(args).end(t, 0)
	if got := goods(t, f); got["boot/event"] != 20 || got["boot/boot"] != 20 {
		t.Errorf("good calls: %v", got)
	}
	if f.Settings.Wait != "event" {
		t.Errorf("it waited for the %s", f.Settings.Wait)
	}
	p.client().nothingLeft()
}

// TestBenchIsStopped by a signal, also that of a terminal that goes: it tells what
// it has, and leaves nothing.
func TestBenchIsStopped(t *testing.T) {
	t.Parallel()
	p := start(t, options{"fake.handles_per_device": "64"})
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGHUP} {
		b := p.bench(strings.Fields("boot --duration 1h --warmup 0s --arqs 2 --concurrency 4 --quiet"))
		eventually(t, time.Minute, "the load has begun", func() bool {
			return p.metrics().value(t, "arqd_arqs", "state", "Bound") > 0
		})
		_ = b.cmd.Process.Signal(signal)
		f := b.end(t, 1)
		if rows := f.Rows(); !f.Interrupted || len(rows) == 0 || rows[0].Good == 0 {
			t.Errorf("it has nothing to tell: %+v", rows)
		}
		if !strings.Contains(b.stdout.String(), "it was interrupted") || !f.Cleanup.Complete() {
			t.Errorf("it said\n%s", &b.stdout)
		}
		p.client().nothingLeft()
	}
}

// TestBenchThatNobodyListensTo, as behind `| head`, comes to its end all the same.
func TestBenchThatNobodyListensTo(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	listener, speaker, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	b := p.benchTo(speaker, strings.Fields("create --count 20 --repeat 2 --warmup 0s --concurrency 2"))
	_ = speaker.Close()
	if f := b.end(t, 1); !f.Cleanup.Complete() || f.Interrupted || f.Rows()[0].Good != 40 {
		t.Errorf("%+v", f)
	}
	p.client().nothingLeft()
}

// TestBenchReport shows runs side by side, and cleans up after one that was
// killed.
func TestBenchReport(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	args := append(strings.Fields("create --count 5 --keep --label kept"), shortly...)
	a, b := p.bench(args), p.bench(args)
	a.end(t, 0)
	b.end(t, 0)
	if got := len(p.client().arqs("")); got != 20 {
		t.Errorf("%d ARQs were kept, want 20", got)
	}
	page := filepath.Join(t.TempDir(), "out.html")
	out, err := exec.Command(binary(t), "bench", "report", a.file, b.file, "--html", page).CombinedOutput()
	if err != nil || strings.Count(string(out), "kept") != 2 {
		t.Errorf("%v: %s", err, out)
	}
	if text, err := os.ReadFile(page); err != nil || !bytes.Contains(text, []byte("<svg ")) {
		t.Errorf("the page: %v %s", err, text)
	}
	out, err = exec.Command(binary(t), "bench", "clean", "--url", p.api+"/v2").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "removed 20 ARQs and 2 device profiles") {
		t.Errorf("%v: %s", err, out)
	}
	p.client().nothingLeft()
}

// TestBenchWithKeystone: found by the catalog, as a user with the service token
// of another; without that nothing can be bound, which is said.
func TestBenchWithKeystone(t *testing.T) {
	c := theCloud(t)
	p := start(t, c.with(options{"fake.handles_per_device": "64"}))
	c.announce(t, "accelerator", p.api+"/v2")
	env := []string{
		"OS_AUTH_URL=" + c.keystoneURL(), "OS_REGION_NAME=" + cloudRegion, "OS_USER_DOMAIN_NAME=Default", "OS_PROJECT_DOMAIN_NAME=Default",
		"OS_USERNAME=admin", "OS_PASSWORD=" + cloudPassword, "OS_PROJECT_NAME=admin",
	}
	args := append(strings.Fields("boot --count 10 --auth keystone --url="), shortly...)
	f := p.bench(args, env...).end(t, 1)
	for _, r := range f.Rows() {
		if r.Operation == "boot" && (r.Good != 0 || r.Outcomes["bind: 403"] != 20) {
			t.Errorf("without a service token: %v", r.Outcomes)
		}
	}
	env = append(env, "OS_SERVICE_USERNAME=nova", "OS_SERVICE_PASSWORD="+cloudPassword, "OS_SERVICE_PROJECT_NAME=service")
	if got := goods(t, p.bench(args, env...).end(t, 0)); got["boot/boot"] != 20 || got["boot/delete"] != 20 {
		t.Errorf("good calls: %v", got)
	}
	p.client().with(c.passes(t).as("admin")).nothingLeft()
}
