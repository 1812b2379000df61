package test

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// walkLine is a command of Debian's command line client: what follows
// `openstack accelerator`, with $NAME for what earlier lines printed.
type walkLine struct {
	line  string
	keep  string // the variable that takes the output
	wants []string
	lacks string
	fails string // what the client says where the line must fail
}

// clientWalk begins on an empty store with one fake device.
var clientWalk = []walkLine{
	{line: `device list`, wants: []string{"FPGA", "0xABCD", "compute1"}},
	{line: `device list --long`, wants: []string{"vendor_board_info", "fake_vendor_info"}},
	{line: `device list -f value -c uuid`, keep: "DEVICE"},
	{line: `device show $DEVICE`, wants: []string{"$DEVICE", "compute1"}},
	{line: `deployable list`, wants: []string{"compute1_FakeDevice"}},
	{line: `deployable list --long`, wants: []string{"num_accelerators", "16"}},
	{line: `deployable list -f value -c uuid`, keep: "DEPLOYABLE"},
	{line: `deployable show $DEPLOYABLE`, wants: []string{"$DEPLOYABLE", "compute1_FakeDevice"}},

	{
		line:  `device profile create one-fpga [{"resources:FPGA":"1","trait:CUSTOM_FAKE_DEVICE":"required"}] --description hello`,
		wants: []string{"one-fpga", "hello", "'resources:FPGA': '1'", "'trait:CUSTOM_FAKE_DEVICE': 'required'"},
	},
	{line: `device profile list`, wants: []string{"one-fpga", "hello"}},
	{line: `device profile list --long`, wants: []string{"created_at", "one-fpga"}},
	{line: `device profile list -f value -c uuid`, keep: "PROFILE"},
	{line: `device profile show $PROFILE`, wants: []string{"$PROFILE", "one-fpga"}},
	{line: `device profile show one-fpga --os-accelerator-api-version 2.2`, wants: []string{"$PROFILE"}},
	{line: `device profile create two-fpgas [{"resources:FPGA":"2"}] --os-accelerator-api-version 2.1`, wants: []string{"two-fpgas"}},

	{line: `arq create one-fpga`, wants: []string{"Initial", "one-fpga"}},
	{line: `arq list`, wants: []string{"Initial"}},
	{line: `arq list --long`, wants: []string{"hostname", "one-fpga"}},
	{line: `arq list -f value -c uuid`, keep: "ARQ"},
	{line: `arq show $ARQ`, wants: []string{"$ARQ", "Initial"}},
	{line: `arq bind $ARQ compute1 $INSTANCE $PROVIDER $PROJECT`, wants: []string{"Bound", "$INSTANCE", "TEST_PCI", "'domain': '0000'"}},
	{line: `arq list`, wants: []string{"Bound", "$INSTANCE"}},
	{line: `arq unbind $ARQ`, wants: []string{"Unbound"}, lacks: "$INSTANCE"},
	{line: `arq bind $ARQ compute1 $INSTANCE $PROVIDER $PROJECT`, wants: []string{"Bound"}},
	{line: `arq delete $ARQ`, wants: []string{"Deleted accelerator_request $ARQ"}},
	{line: `arq list`, lacks: "$ARQ"},
	{line: `deployable program $DEPLOYABLE $IMAGE`, wants: []string{"$DEPLOYABLE"}},
	{line: `device profile delete two-fpgas`, wants: []string{"Deleted device_profile two-fpgas"}},
	{line: `device profile delete $PROFILE`, wants: []string{"Deleted device_profile $PROFILE"}},
	{line: `device profile list`, lacks: "fpga"},

	// What the client makes of refusals.
	{line: `arq show $ARQ`, fails: "accelerator_request not found: $ARQ"},
	{line: `arq delete $ARQ`, fails: "No accelerator_request with UUID $ARQ exists."},
	{line: `arq unbind $ARQ`, fails: "404"},
	{line: `arq create nobody-knows`, fails: "device profile nobody-knows not found"},
	{line: `device profile create bad [{"resources:FPGA":"0"}]`, fails: "whole number"},
	{line: `device profile delete nobody-knows`, fails: "404"},
	{line: `device show $ARQ`, fails: "device not found: $ARQ"},
	{line: `deployable show $ARQ`, fails: "deployable not found: $ARQ"},

	// What cannot work for reasons of the client: it asks for version 2.0 by
	// itself, where profiles have no names in paths; it refuses versions that
	// the service does not offer; and it has no commands for attributes or for
	// taking devices out of service.
	{line: `device profile show one-fpga`, fails: "HTTP 406"},
	{line: `device list --os-accelerator-api-version 2.9`, fails: "only supports a minimum of 2.0 and a maximum of 2.3"},
	{line: `attribute list`, fails: "is not an openstack command"},
	{line: `device disable $DEVICE`, fails: "is not an openstack command"},
}

const clientLimit = time.Minute // for one command

func TestCommandLineClient(t *testing.T) {
	needs(t, "clients")
	p := start(t, nil)
	variables := map[string]string{
		"PROVIDER": p.client().deployable().Provider, // the client does not show it
		"INSTANCE": newUUID(),
		"PROJECT":  newUUID(),
		"IMAGE":    newUUID(),
	}
	fill := func(text string) string {
		return regexp.MustCompile(`\$[A-Z]+`).ReplaceAllStringFunc(text, func(name string) string {
			if variables[name[1:]] == "" {
				t.Fatalf("%s is not set", name)
			}
			return variables[name[1:]]
		})
	}
	for _, step := range clientWalk {
		line := fill(step.line)
		out, err := openstack(t, p.api+"/v2", strings.Fields(line))
		if step.keep != "" {
			variables[step.keep] = strings.TrimSpace(out)
		}
		wants := step.wants
		if step.fails != "" {
			wants = []string{step.fails}
		}
		if (err != nil) != (step.fails != "") {
			t.Errorf("openstack accelerator %s: %v\n%s", line, err, out)
		}
		for _, want := range wants {
			if !strings.Contains(out, fill(want)) {
				t.Errorf("openstack accelerator %s does not say %q:\n%s", line, fill(want), out)
			}
		}
		if step.lacks != "" && strings.Contains(out, fill(step.lacks)) {
			t.Errorf("openstack accelerator %s still says %q:\n%s", line, fill(step.lacks), out)
		}
	}
	p.checkHandles(p.client(), 16)
}

// openstack runs Debian's command line client. Wide enough, its tables do not
// break values.
func openstack(t *testing.T, endpoint string, args []string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientLimit)
	defer cancel()
	args = append([]string{"--os-auth-type", "none", "--os-endpoint", endpoint, "accelerator"}, args...)
	cmd := exec.CommandContext(ctx, "/usr/bin/openstack", args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "COLUMNS=400", "no_proxy=127.0.0.1"}
	cmd.SysProcAttr = dieWithParent()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestSDK drives openstacksdk's accelerator proxy through every call it has.
func TestSDK(t *testing.T) {
	needs(t, "clients")
	p := start(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), clientLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-B", "testdata/sdk_walk.py", p.api+"/v2")
	cmd.SysProcAttr = dieWithParent()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "every call answered") {
		t.Errorf("the script did not come to its end:\n%s", out)
	}
	p.checkHandles(p.client(), 16)
}
