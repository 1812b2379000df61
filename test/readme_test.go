package test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// readmeWalk gives the shell lines below a heading of the README, with the
// addresses of the process in the place of the default ones.
func (p *process) readmeWalk(heading string) string {
	p.t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		p.t.Fatal(err)
	}
	_, below, found := strings.Cut(string(readme), "\n"+heading+"\n")
	below, _, _ = strings.Cut(below, "\n## ")
	_, block, fenced := strings.Cut(below, "```sh\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !fenced || !closed {
		p.t.Fatalf("README.md has no ```sh block below %q", heading)
	}
	return strings.NewReplacer("127.0.0.1:6666", host(p.api), "127.0.0.1:6667", host(p.admin)).Replace(block)
}

// paste runs a walk as a newcomer's shell would, but ends at the first line
// that fails, and gives what was printed.
func (p *process) paste(walk string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*clientLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-eu")
	cmd.Stdin = strings.NewReader(walk)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + p.t.TempDir(), "COLUMNS=400", "no_proxy=127.0.0.1"}
	cmd.SysProcAttr = dieWithParent()
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

// bare runs arqd with its defaults, but for the ports.
func bare(t *testing.T) *process {
	t.Helper()
	n := newNode(t, nil)
	writeFile(t, n.conf, []byte("[DEFAULT]\nlog_format = json\n[api]\nport = 0\n[arqd]\nadmin_port = 0\n"))
	return n.start()
}

func TestReadmeWalkWithCurl(t *testing.T) {
	needs(t, "curl")
	p := bare(t)
	out := p.paste(p.readmeWalk("## A walk with curl"))
	for _, want := range []string{
		`"vendor": "0xABCD"`, `"state": "Bound"`, `"attach_handle_type": "TEST_PCI"`,
		"202\n", "204\n204\n204\n", `{"ready": true, "reasons": []}`, `arqd_attach_handles{state="free"} 16`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the walk does not print %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "error") {
		t.Errorf("the walk meets errors:\n%s", out)
	}
	p.checkWalked()
}

func TestReadmeWalkWithClient(t *testing.T) {
	needs(t, "clients")
	needs(t, "curl")
	p := bare(t)
	out := p.paste(p.readmeWalk("## A walk with the OpenStack client"))
	for _, want := range []string{"0xABCD", "Initial", "Bound", "TEST_PCI", "Unbound", "Deleted accelerator_request", "Deleted device_profile"} {
		if !strings.Contains(out, want) {
			t.Errorf("the walk does not print %q:\n%s", want, out)
		}
	}
	p.checkWalked()
}

// checkWalked checks that a walk has put away what it took.
func (p *process) checkWalked() {
	p.t.Helper()
	c := p.client()
	if left := c.arqs(""); len(left) != 0 {
		p.t.Errorf("the walk leaves %v", left)
	}
	if left := c.profiles(); len(left) != 0 {
		p.t.Errorf("the walk leaves %v", left)
	}
	p.checkHandles(c, 16)
}
