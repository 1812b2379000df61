package test

import (
	"context"
	"os/exec"
	"regexp"
	"slices"
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
	bound string // "binds": needs a service token; "shows": what a bind has done
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
	{line: `arq bind $ARQ compute1 $INSTANCE $PROVIDER $PROJECT`, wants: []string{"Bound", "$INSTANCE", "TEST_PCI", "'domain': '0000'"}, bound: "binds"},
	{line: `arq list`, wants: []string{"Bound", "$INSTANCE"}, bound: "shows"},
	{line: `arq unbind $ARQ`, wants: []string{"Unbound"}, lacks: "$INSTANCE", bound: "binds"},
	{line: `arq bind $ARQ compute1 $INSTANCE $PROVIDER $PROJECT`, wants: []string{"Bound"}, bound: "binds"},
	{line: `arq delete $ARQ`, wants: []string{"Deleted accelerator_request $ARQ"}},
	{line: `arq list`, lacks: "$ARQ"},
	{line: `deployable program $DEPLOYABLE $IMAGE`, wants: []string{"$DEPLOYABLE"}},
	{line: `device profile delete two-fpgas`, wants: []string{"Deleted device_profile two-fpgas"}},
	{line: `device profile delete $PROFILE`, wants: []string{"Deleted device_profile $PROFILE"}},
	{line: `device profile list`, lacks: "fpga"},

	// What the client makes of refusals.
	{line: `arq show $ARQ`, fails: "accelerator_request not found: $ARQ"},
	{line: `arq delete $ARQ`, fails: "No accelerator_request with UUID $ARQ exists."},
	{line: `arq unbind $ARQ`, fails: "404", bound: "binds"},
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

// commandLine is Debian's command line client, ready to be given commands.
type commandLine struct {
	*companion
	commands []string // of the accelerator plugin
	options  []string // that come before each command
}

// openstack starts the client; it ends with the test.
func openstack(t *testing.T) *commandLine {
	t.Helper()
	needs(t, "clients")
	c := &commandLine{companion: startCompanion(t, "openstack_client.py")}
	c.hear(&c.commands)
	return c
}

// as gives the same client with options that come before each command.
func (c *commandLine) as(options ...string) *commandLine {
	other := *c
	other.options = options
	return &other
}

// run runs `openstack accelerator` with the words.
func (c *commandLine) run(words ...string) (said string, ok bool) {
	c.t.Helper()
	c.tell(slices.Concat(c.options, []string{"accelerator"}, words))
	var answer struct {
		Status int
		Said   string
	}
	c.hear(&answer)
	return answer.Said, answer.Status == 0
}

// walk runs the lines; without a service token those that bind must fail.
func (c *commandLine) walk(lines []walkLine, variables map[string]string, serviceToken bool) {
	c.t.Helper()
	fill := func(text string) string {
		return regexp.MustCompile(`\$[A-Z]+`).ReplaceAllStringFunc(text, func(name string) string {
			if variables[name[1:]] == "" {
				c.t.Fatalf("%s is not set", name)
			}
			return variables[name[1:]]
		})
	}
	for _, step := range lines {
		if !serviceToken && step.bound == "shows" {
			continue
		}
		if !serviceToken && step.bound == "binds" {
			step = walkLine{line: step.line, fails: "needs a valid X-Service-Token"}
		}
		line := fill(step.line)
		out, ok := c.run(strings.Fields(line)...)
		if step.keep != "" {
			variables[step.keep] = strings.TrimSpace(out)
		}
		wants := step.wants
		if step.fails != "" {
			wants = []string{step.fails}
		}
		if ok == (step.fails != "") {
			c.t.Errorf("openstack accelerator %s: succeeds: %v\n%s", line, ok, out)
		}
		for _, want := range wants {
			if !strings.Contains(out, fill(want)) {
				c.t.Errorf("openstack accelerator %s does not say %q:\n%s", line, fill(want), out)
			}
		}
		if step.lacks != "" && strings.Contains(out, fill(step.lacks)) {
			c.t.Errorf("openstack accelerator %s still says %q:\n%s", line, fill(step.lacks), out)
		}
	}
}

// walkVariables are what a walk begins with; the provider is not shown by the
// client.
func walkVariables(provider string) map[string]string {
	return map[string]string{
		"PROVIDER": provider, "INSTANCE": newUUID(), "PROJECT": newUUID(), "IMAGE": newUUID(),
	}
}

func TestCommandLineClient(t *testing.T) {
	p := start(t, nil)
	line := openstack(t).as("--os-auth-type", "none", "--os-endpoint", p.api+"/v2")
	line.walk(clientWalk, walkVariables(p.client().deployable().Provider), true)
	for _, command := range line.commands {
		if !slices.ContainsFunc(clientWalk, func(l walkLine) bool { return strings.HasPrefix("accelerator "+l.line+" ", command+" ") }) {
			t.Errorf("the walk leaves out: openstack %s", command)
		}
	}
	p.checkHandles(p.client(), 16)
}

// TestCommandLineClientWithKeystone: the same with a password, a token and the
// catalog. The client cannot send a service token, so it cannot bind.
func TestCommandLineClientWithKeystone(t *testing.T) {
	c := theCloud(t)
	p := start(t, c.with(nil))
	c.announce(t, "accelerator", p.api+"/v2")
	c.announce(t, "image", imagesForClient(t))
	admin := p.client().with(c.passes(t).as("admin"))
	line := openstack(t)
	line.as(c.login("admin")...).walk(clientWalk, walkVariables(admin.deployable().Provider), false)
	p.checkHandles(admin, 16)

	admin.createProfile("one", 1)
	line.as(c.login("demo")...).walk([]walkLine{
		{line: `device profile list`, wants: []string{"one"}},
		{line: `device profile create mine [{"resources:FPGA":"1"}]`, fails: "403"},
		{line: `arq create one`, wants: []string{"Initial"}},
		{line: `arq list -f value -c uuid`, keep: "ARQ"},
		{line: `device list`, fails: "403"},
		{line: `deployable list`, fails: "403"},
	}, walkVariables(""), false)
	line.as(c.login("other")...).walk([]walkLine{
		{line: `arq list`, lacks: "Initial"},
		{line: `arq create one`, wants: []string{"Initial"}},
	}, nil, false)
	if got := len(admin.arqs("")); got != 2 {
		t.Errorf("%d ARQs, want one of each user", got)
	}
}

// TestSDK drives openstacksdk's accelerator proxy through every call it has.
func TestSDK(t *testing.T) {
	p := start(t, nil)
	sdkWalk(t, "--endpoint", p.api+"/v2")
	p.checkHandles(p.client(), 16)
}

// TestSDKWithKeystone: as an administrator on behalf of whom a service asks.
func TestSDKWithKeystone(t *testing.T) {
	c := theCloud(t)
	p := start(t, c.with(nil))
	c.announce(t, "accelerator", p.api+"/v2")
	sdkWalk(t, "--keystone", c.keystoneURL(), "--password", cloudPassword)
	p.checkHandles(p.client().with(c.passes(t).as("admin")), 16)
}

func sdkWalk(t *testing.T, args ...string) {
	t.Helper()
	needs(t, "clients")
	ctx, cancel := context.WithTimeout(t.Context(), clientLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", append([]string{"-B", "testdata/sdk_walk.py"}, args...)...)
	cmd.SysProcAttr = dieWithParent()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "every call answered") {
		t.Errorf("the script did not come to its end:\n%s", out)
	}
}
