package test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const novaLimit = 3 * time.Minute

// novaWalk runs Nova's own client for a user of the cloud.
func (c *cloud) novaWalk(t *testing.T, d deployable, args ...string) string {
	t.Helper()
	needs(t, "nova")
	ctx, cancel := context.WithTimeout(t.Context(), novaLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", append([]string{
		"-B", "testdata/nova_walk.py", "--keystone", c.keystoneURL(), "--password", cloudPassword, "--region", cloudRegion,
		"--user", "demo", "--project", "demo", "--host", "compute1", "--provider", d.Provider,
	}, args...)...)
	cmd.SysProcAttr = dieWithParent()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

// TestNova: ten instances at once, with three accelerators in two groups each,
// through every call that Nova makes, found by the catalog and with its service
// token.
func TestNova(t *testing.T) {
	c := theCloud(t)
	p := start(t, c.with(options{"fake.handles_per_device": "30"}))
	c.announce(t, "accelerator", p.api+"/v2")
	admin := p.client().with(c.passes(t).as("admin"))
	admin.want(201, "POST", "/device_profiles",
		`[{"name": "three", "groups": [{"resources:FPGA": "2", "trait:CUSTOM_FAKE_DEVICE": "required"}, {"resources:FPGA": "1"}]}]`)
	if out := c.novaWalk(t, admin.deployable(), "--profile", "three", "--instances", "10"); !strings.Contains(out, "every call answered") {
		t.Errorf("the walk did not come to its end:\n%s", out)
	}
	// Without its service token Nova can bind nothing for a user.
	if out := c.novaWalk(t, admin.deployable(), "--profile", "three", "--no-service-token"); !strings.Contains(out, "every call refused") {
		t.Errorf("the walk did not come to its end:\n%s", out)
	}
	if left := admin.arqs(""); len(left) > 0 {
		t.Errorf("Nova leaves %v", left)
	}
	p.checkHandles(admin, 30)
}

// sharedDrive is a program that drives Nova's client too, beside the checkout.
// Not every checkout has it.
const sharedDrive = "../../shared/openstack/nova_drive.py"

func TestSharedNovaDrive(t *testing.T) {
	if _, err := os.Stat(sharedDrive); err != nil {
		t.Logf("there is no %s: TestNova has to do", sharedDrive)
		return
	}
	needs(t, "nova")
	c := theCloud(t)
	p := start(t, c.with(nil))
	c.announce(t, "accelerator", p.api+"/v2")
	dir := t.TempDir()
	_, port, _ := strings.Cut(host(c.keystone.url), ":")
	settings := fmt.Sprintf("KEYSTONE_PORT=%s\nPASSWORD=%s\nREGION=%s\n", port, cloudPassword, cloudRegion)
	writeFile(t, filepath.Join(dir, "settings"), []byte(settings))
	ctx, cancel := context.WithTimeout(t.Context(), novaLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-B", sharedDrive, "--dir", dir, "--resource", "FPGA", "--count", "2")
	cmd.SysProcAttr = dieWithParent()
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	passed := strings.Count(string(out), "\nPASS ") + strings.Count(string(out[:min(len(out), 5)]), "PASS ")
	if err != nil || passed < 20 || !strings.Contains(string(out), "\n0 failed\n") {
		t.Errorf("%v; %d calls passed", err, passed)
	}
	p.checkHandles(p.client().with(c.passes(t).as("admin")), 16)
}
