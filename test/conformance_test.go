package test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// recordedWithTokens is the service as the recorded exchanges want it; who asks
// is for others to say.
var recordedWithTokens = options{
	"oslo_policy.enforce_new_defaults": "false",
	"arqd.host_check":                  "warn",
	"fake.hosts":                       "fakehost2,fakehost",
	"fake.devices_per_host":            "1",
	"fake.handles_per_device":          "16",
}

// recorded is that service behind an authenticating proxy.
var recorded = func() options {
	opts := maps.Clone(recordedWithTokens)
	opts["api.auth_strategy"] = "headers"
	return opts
}()

// sharedConformance is the folder of the recorded exchanges beside the
// checkout, with the program that replays them. Not every checkout has it.
const sharedConformance = "../../shared/conformance"

// TestRecordedExchanges replays what the reference service answered, from the
// copy of the open exchanges.
func TestRecordedExchanges(t *testing.T) {
	p := start(t, recorded)
	replay(t, p, "testdata/exchanges.jsonl", nil)
}

// TestRecordedExchangesWithKeystone does the same with real tokens.
func TestRecordedExchangesWithKeystone(t *testing.T) {
	c := theCloud(t)
	p := start(t, c.with(recordedWithTokens))
	replay(t, p, "testdata/exchanges.jsonl", c)
}

// TestSharedExchanges has the exchanges' own program replay them all.
func TestSharedExchanges(t *testing.T) {
	replayShared(t, recorded, "--auth", "headers")
}

// TestSharedExchangesWithKeystone does the same with real tokens.
func TestSharedExchangesWithKeystone(t *testing.T) {
	c := theCloud(t)
	replayShared(t, c.with(recordedWithTokens),
		"--auth", "keystone", "--auth-url", c.keystoneURL(), "--admin-password", cloudPassword)
}

func replayShared(t *testing.T, opts options, args ...string) {
	t.Helper()
	program := filepath.Join(sharedConformance, "replay.py")
	if _, err := os.Stat(program); err != nil {
		t.Logf("there is no %s: the copy of the open exchanges has to do", program)
		return
	}
	needs(t, "python3")
	p := start(t, opts)
	differences := filepath.Join(t.TempDir(), "differences.json")
	out, err := exec.Command("python3", append([]string{"-B", program, p.api, "--json", differences}, args...)...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("%s: %v", program, err)
	}
	total := regexp.MustCompile(`(?m)^TOTAL +(\d+) +(\d+) +(\d+) `).FindSubmatch(out)
	if total == nil {
		t.Fatal("the program printed no total")
	}
	compared, _ := strconv.Atoi(string(total[1]))
	if compared < 500 {
		t.Errorf("%d exchanges compared, want at least 500", compared)
	}
	if string(total[3]) != string(total[1]) {
		t.Errorf("%s of %s exchanges agree", total[3], total[1])
	}
	reportDifferences(t, differences)
}

func reportDifferences(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rows []json.RawMessage
	if err := json.Unmarshal(b, &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		t.Errorf("differs: %s", row)
	}
}
