package openstacktest

import (
	"bytes"
	"context"
	"encoding/json"
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

// Daemon is a real service of the cloud, from Debian's packages, behind a door
// of ours: the door lets everybody in as the administrator, and tests can stand
// in it.
type Daemon struct {
	URL string // of the door

	name   string
	ready  string // a path that is answered with 200
	prefix string // of paths at the door, which the service itself does not have
	door   *httptest.Server
	dir    string
	inner  string // the address behind
	cmd    *exec.Cmd
	done   chan struct{}
	mu     sync.Mutex
	onCall CallHandler

	database []string // the command that makes it
}

// CallHandler sees a request at the door and may answer it; true means that it
// has.
type CallHandler func(w http.ResponseWriter, r *http.Request) bool

const daemonLimit = 2 * time.Minute // for each step of the start

// newDaemon makes one in a directory of its own, and finds it a place to listen.
func newDaemon(name, ready, prefix string) (*Daemon, error) {
	dir, err := os.MkdirTemp("", "arqd-"+name+"-")
	if err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	return &Daemon{dir: dir, name: name, ready: ready, prefix: prefix, inner: ln.Addr().String()}, nil
}

// begin writes the files, runs a command that makes the database, opens the
// door and starts the service.
func (d *Daemon) begin(files map[string]string, database ...string) error {
	files["policy.yaml"] += "# the rest is as it comes\n"
	for name, text := range files {
		text = strings.NewReplacer("@DIR@", d.dir, "@ADDRESS@", d.inner).Replace(text)
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	d.database = database
	if err := d.makeDatabase(); err != nil {
		return err
	}
	d.open()
	return d.Start()
}

func (d *Daemon) makeDatabase() error {
	ctx, cancel := context.WithTimeout(context.Background(), daemonLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.database[0], d.database[1:]...)
	cmd.Dir, cmd.SysProcAttr = d.dir, dieWithParent()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", d.database[0], err, out)
	}
	return nil
}

func (d *Daemon) open() {
	behind := &url.URL{Scheme: "http", Host: d.inner}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, d.prefix)
			r.SetURL(behind)
			r.Out.Header.Set("X-Auth-Token", "admin") // to its noauth2
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { Refuse(w, http.StatusBadGateway) },
		Transport:    &http.Transport{DisableKeepAlives: true},
	}
	d.door = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		handler := d.onCall
		d.mu.Unlock()
		if handler == nil || !handler(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	d.URL = d.door.URL
}

// Close ends it and removes its database.
func (d *Daemon) Close() {
	d.Kill()
	if d.door != nil {
		d.door.Close()
	}
	_ = os.RemoveAll(d.dir)
}

// OnCall has a handler, nil for none, see requests first. It runs in the
// goroutine of the request. The end of the test takes it away.
func (d *Daemon) OnCall(t *testing.T, f CallHandler) {
	t.Helper()
	set := func(f CallHandler) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.onCall = f
	}
	set(f)
	t.Cleanup(func() { set(nil) })
}

// Start runs it and waits until it answers.
func (d *Daemon) Start() error {
	out, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.CommandContext(context.Background(), "/usr/bin/uwsgi", "--ini", filepath.Join(d.dir, "uwsgi.ini"))
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, dieWithParent()
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	d.cmd, d.done = cmd, done
	go func() {
		_ = cmd.Wait() // its end is known by the channel
		close(done)
	}()
	return d.await()
}

// Kill ends it at once; what it has been told stays.
func (d *Daemon) Kill() {
	if d.cmd != nil {
		_ = d.cmd.Process.Kill() // it may have ended
		<-d.done
	}
}

func (d *Daemon) await() error {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(context.Background(), daemonLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.inner+d.ready, http.NoBody)
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
		case <-d.done:
			return fmt.Errorf("%s ended while it started:\n%s", d.name, d.log())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer:\n%s", d.name, d.log())
		}
	}
}

func (d *Daemon) log() []byte {
	text, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	return text[max(0, len(text)-3000):]
}

// Call sends a request as an administrator, past the door. The answer is its
// status and body.
func (d *Daemon) Call(t *testing.T, method, path string, body any) (status int, text []byte) {
	t.Helper()
	var err error
	kind := "application/json"
	content, raw := body.([]byte)
	if raw {
		kind = "application/octet-stream"
	} else if content, err = json.Marshal(body); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.inner+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{
		"Content-Type": {kind}, "X-Auth-Token": {"admin"}, "OpenStack-API-Version": {"placement 1.36"},
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
