package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// recorded is the service as the recorded exchanges want it.
var recorded = options{
	"api.auth_strategy":                "headers",
	"oslo_policy.enforce_new_defaults": "false",
	"arqd.host_check":                  "warn",
	"fake.hosts":                       "fakehost2,fakehost",
	"fake.devices_per_host":            "1",
	"fake.handles_per_device":          "16",
}

// sharedConformance is the folder of the recorded exchanges beside the
// checkout, with the program that replays them. Not every checkout has it.
const sharedConformance = "../../shared/conformance"

// TestRecordedExchanges replays what the reference service answered, from the
// copy of the open exchanges.
func TestRecordedExchanges(t *testing.T) {
	p := start(t, recorded)
	replay(t, p, "testdata/exchanges.jsonl")
}

// TestSharedExchanges has the exchanges' own program replay them all.
func TestSharedExchanges(t *testing.T) {
	program := filepath.Join(sharedConformance, "replay.py")
	if _, err := os.Stat(program); err != nil {
		t.Logf("there is no %s: the copy of the open exchanges has to do", program)
		return
	}
	needs(t, "python3")
	p := start(t, recorded)
	differences := filepath.Join(t.TempDir(), "differences.json")
	out, err := exec.Command("python3", "-B", program, p.api, "--auth", "headers", "--json", differences).CombinedOutput()
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
