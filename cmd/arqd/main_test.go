package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheCommandLine(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.conf")
	if err := os.WriteFile(bad, []byte("[api]\nport = high\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string // what they contain; "": nothing
	}{
		"nothing":             {nil, 2, "", "Usage:"},
		"help":                {[]string{"help"}, 0, "Usage:", ""},
		"version":             {[]string{"version"}, 0, "arqd dev (go1.", ""},
		"unknown command":     {[]string{"sevre"}, 2, "", `unknown command "sevre"`},
		"unknown flag":        {[]string{"serve", "--nope"}, 2, "", "-nope"},
		"an argument":         {[]string{"serve", "now"}, 1, "", `takes no arguments: ["now"]`},
		"help of serve":       {[]string{"serve", "--help"}, 0, "", "-config-file"},
		"printing the config": {[]string{"serve", "--print-config"}, 0, "[api]", ""},
		"no store":            {[]string{"store", "verify"}, 1, "", "there is no store in"},
		"agent, and where?":   {[]string{"agent"}, 1, "", "[agent] service_url: must be set"},
		"agent, and what?":    {[]string{"agent", "burn"}, 1, "", `no arguments besides its flags: ["burn"]`},
		"help of agent":       {[]string{"agent", "--help"}, 0, "", "arqd agent discover"},
		"agent's arguments":   {[]string{"agent", "discover", "now"}, 1, "", `no arguments besides its flags: ["now"]`},
		"store, and what?":    {[]string{"store", "burn"}, 2, "", "arqd store restore"},
		"help of store":       {[]string{"store", "--help"}, 0, "arqd store restore", ""},
		"bench, and what?":    {[]string{"bench"}, 2, "", "arqd bench SCENARIO"},
		"no such scenario":    {[]string{"bench", "crate"}, 1, "", `no scenario "crate"; there are boot, create, fill, mixed, overload, read, storm`},
		"help of bench":       {[]string{"bench", "help"}, 0, "arqd bench report", ""},
		"bench's flags":       {[]string{"bench", "create", "--help"}, 0, "", "-concurrency"},
		"no such results":     {[]string{"bench", "report", "/nope"}, 1, "", "/nope"},
		"no such file":        {[]string{"serve", "--config-file", "/nope"}, 1, "", "/nope"},
		"a bad value":         {[]string{"serve", "--config-file", bad}, 1, "", bad + ":2: [api] port"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), c.args, nil, strings.NewReader(""), &stdout, &stderr); code != c.code {
				t.Errorf("exit code %d, want %d; said %s", code, c.code, &stderr)
			}
			for stream, got := range map[string]struct{ got, want string }{
				"stdout": {stdout.String(), c.stdout}, "stderr": {stderr.String(), c.stderr},
			} {
				if !strings.Contains(got.got, got.want) || got.want == "" && got.got != "" {
					t.Errorf("%s: %q, want %q", stream, got.got, got.want)
				}
			}
		})
	}
}
