package openstacktest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Placement is a real Placement, from Debian's packages, behind a door of ours:
// the door lets everybody in as the administrator, and tests can stand in it.
type Placement struct {
	URL string // of the door

	door   *httptest.Server
	dir    string
	inner  string // the address behind
	cmd    *exec.Cmd
	done   chan struct{}
	mu     sync.Mutex
	onCall CallHandler
}

// CallHandler sees a request at the door and may answer it; true means that it
// has.
type CallHandler func(w http.ResponseWriter, r *http.Request) bool

const placementLimit = 2 * time.Minute // for each step of the start

// StartPlacement starts a Placement; its database begins empty.
func StartPlacement() (*Placement, error) {
	dir, err := os.MkdirTemp("", "arqd-placement-")
	if err != nil {
		return nil, err
	}
	p := &Placement{dir: dir}
	if err := errors.Join(p.configure(), p.makeDatabase()); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	behind := &url.URL{Scheme: "http", Host: p.inner}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.Out.Header.Set("X-Auth-Token", "admin") // to its noauth2
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { Refuse(w, http.StatusBadGateway) },
		Transport:    &http.Transport{DisableKeepAlives: true},
	}
	p.door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		handler := p.onCall
		p.mu.Unlock()
		if handler == nil || !handler(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	p.URL = p.door.URL
	if err := p.Start(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close ends it and removes its database.
func (p *Placement) Close() {
	p.Kill()
	p.door.Close()
	_ = os.RemoveAll(p.dir)
}

// OnCall has a handler, nil for none, see requests first. It runs in the
// goroutine of the request. The end of the test takes it away.
func (p *Placement) OnCall(t *testing.T, f CallHandler) {
	t.Helper()
	set := func(f CallHandler) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.onCall = f
	}
	set(f)
	t.Cleanup(func() { set(nil) })
}

// Start runs it and waits until it answers.
func (p *Placement) Start() error {
	out, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.CommandContext(context.Background(), "/usr/bin/uwsgi", "--ini", filepath.Join(p.dir, "uwsgi.ini"))
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, dieWithParent()
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() {
		_ = cmd.Wait() // its end is known by the channel
		close(done)
	}()
	return p.await()
}

// Kill ends it at once; what it has been told stays.
func (p *Placement) Kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.done
	}
}

func (p *Placement) await() error {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(context.Background(), placementLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.inner+"/", http.NoBody)
		if err != nil {
			return err
		}
		if answer, err := client.Do(request); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("Placement ended while it started:\n%s", p.log())
		case <-ctx.Done():
			return fmt.Errorf("Placement does not answer:\n%s", p.log())
		}
	}
}

func (p *Placement) log() []byte {
	text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return text[max(0, len(text)-3000):]
}

func (p *Placement) makeDatabase() error {
	ctx, cancel := context.WithTimeout(context.Background(), placementLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/placement-manage", "--config-file", filepath.Join(p.dir, "placement.conf"), "db", "sync")
	cmd.SysProcAttr = dieWithParent()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("placement-manage: %w\n%s", err, out)
	}
	return nil
}

func (p *Placement) configure() error {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.inner = ln.Addr().String()
	_ = ln.Close()
	write := func(name, text string) error {
		text = strings.NewReplacer("@DIR@", p.dir, "@ADDRESS@", p.inner).Replace(text)
		return os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600)
	}
	return errors.Join(write("placement.conf", placementConf), write("policy.yaml", "# none\n"), write("uwsgi.ini", placementIni))
}

const placementConf = `[DEFAULT]
use_stderr = true
[api]
auth_strategy = noauth2
[placement_database]
connection = sqlite:///@DIR@/placement.db
sqlite_synchronous = false
[oslo_policy]
policy_file = @DIR@/policy.yaml
`

// One process, so that killing it is killing all of it. The connection is
// closed after each answer, and says so: otherwise clients would race it.
const placementIni = `[uwsgi]
plugins = python3
http-socket = @ADDRESS@
wsgi-file = /usr/bin/placement-api
need-app = true
add-header = Connection: close
post-buffering = 65536
buffer-size = 65535
die-on-term = true
disable-logging = true
listen = 100
chdir = @DIR@
env = OS_PLACEMENT_CONFIG_DIR=@DIR@
`

// Call sends Placement a request as an administrator, past the door. The answer
// is its status and body.
func (p *Placement) Call(t *testing.T, method, path string, body any) (status int, text []byte) {
	t.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.inner+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{
		"Content-Type": {"application/json"}, "X-Auth-Token": {"admin"}, "OpenStack-API-Version": {"placement 1.36"},
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, text
}
