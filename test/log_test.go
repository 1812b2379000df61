package test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// logLine is what the tests look at in a line of arqd's log.
type logLine struct {
	Level    string `json:"level"`
	Msg      string `json:"msg"`
	URL      string `json:"url"`
	Path     string `json:"path"`
	Status   any    `json:"status"` // of a request the number
	GlobalID string `json:"global_request_id"`
	Write    string `json:"write"` // at which the process was killed
}

// serviceLog takes the output of a process. Of the access log it keeps what is
// looked for: 5xx answers, and which of the clients' request ids were seen.
type serviceLog struct {
	mu       sync.Mutex
	partial  []byte
	lines    []string // all but the access log
	failures []string // of the access log, those with a 5xx answer
	secrets  []string // those that show a token or a password
	recent   []string
	urls     map[string]string
	seen     map[string]bool   // messages
	ids      map[string]int    // the status of each request that was handled, by X-Openstack-Request-Id
	watched  map[string]func() // what to do when one of these is handled
	changed  chan struct{}     // closed and replaced with each write
}

const recentLines = 20

func newServiceLog() *serviceLog {
	return &serviceLog{
		urls: map[string]string{}, seen: map[string]bool{}, ids: map[string]int{}, watched: map[string]func(){}, changed: make(chan struct{}),
	}
}

// Write implements io.Writer.
func (l *serviceLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partial = append(l.partial, b...)
	for {
		line, rest, found := bytes.Cut(l.partial, []byte{'\n'})
		if !found {
			break
		}
		l.add(line)
		l.partial = rest
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return len(b), nil
}

func (l *serviceLog) add(raw []byte) {
	line := string(raw)
	if slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(line, w) }) {
		l.secrets = append(l.secrets, line)
	}
	l.recent = append(l.recent, line)
	if len(l.recent) > 2*recentLines {
		l.recent = slices.Clone(l.recent[recentLines:])
	}
	var fields logLine
	if json.Unmarshal(raw, &fields) != nil {
		l.lines = append(l.lines, line)
		return
	}
	l.seen[fields.Msg] = true
	if fields.Msg != "request" && fields.Msg != "change" {
		l.lines = append(l.lines, line)
		l.urls[fields.Msg] = fields.URL
		return
	}
	status, _ := fields.Status.(float64)
	if fields.GlobalID != "" && fields.Path != "" { // malformed ones have no path
		l.ids[fields.GlobalID] = int(status)
	}
	if status >= 500 {
		l.failures = append(l.failures, line)
	} else if then := l.watched[fields.GlobalID]; then != nil {
		then()
		delete(l.watched, fields.GlobalID)
	}
}

// onceHandled calls a function as soon as the request of this global id has
// been handled, and not by a failure of the service.
func (l *serviceLog) onceHandled(id string, then func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if status, handled := l.ids[id]; !handled {
		l.watched[id] = then
	} else if status < 500 {
		then()
	}
}

// await waits for a line with the message; it says false when ctx or the
// process has ended without it.
func (l *serviceLog) await(ctx context.Context, ended <-chan struct{}, message string) bool {
	for {
		l.mu.Lock()
		seen, changed := l.seen[message], l.changed
		l.mu.Unlock()
		if seen {
			return true
		}
		select {
		case <-changed:
		case <-ended:
			return l.says(message)
		case <-ctx.Done():
			return false
		}
	}
}

// says tells whether a line had the message.
func (l *serviceLog) says(message string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[message]
}

// messages gives the lines with a message.
func (l *serviceLog) messages(message string) []logLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []logLine
	for _, raw := range l.lines {
		var line logLine
		if json.Unmarshal([]byte(raw), &line) == nil && line.Msg == message {
			found = append(found, line)
		}
	}
	return found
}

// url gives the attribute url of the line with the message.
func (l *serviceLog) url(message string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.urls[message]
}

// handled tells whether the request of this global id came to be handled.
func (l *serviceLog) handled(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, handled := l.ids[id]
	return handled
}

// tail gives the last lines.
func (l *serviceLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.recent[max(0, len(l.recent)-recentLines):], "\n")
}

// all gives the lines of the log but those of requests.
func (l *serviceLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// plain gives what was written and is no log line: messages to the terminal.
func (l *serviceLog) plain() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var plain []string
	for _, line := range l.lines {
		if !json.Valid([]byte(line)) {
			plain = append(plain, line)
		}
	}
	if len(l.partial) > 0 {
		plain = append(plain, string(l.partial))
	}
	return plain
}

// secretWords are the passwords of the users of the cloud and of its doubles, and
// how each token of Keystone and of an agent begins.
var secretWords = []string{cloudPassword, openstacktest.Password, "gAAAA", tokenOf("")}

var crashWords = []string{"panic", "fatal error:", "DATA RACE", "goroutine ", "SIGSEGV", "SIGBUS"}

// shown gives the lines that show a token or a password.
func (l *serviceLog) shown() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.secrets)
}

// faults sorts out lines of a crash, of other errors, and of 5xx answers.
func (l *serviceLog) faults() (crashes, errs, failures []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		switch {
		case slices.ContainsFunc(crashWords, func(w string) bool { return strings.Contains(line, w) }):
			crashes = append(crashes, line)
		case strings.Contains(line, `"level":"ERROR"`):
			errs = append(errs, line)
		}
	}
	return crashes, errs, slices.Clone(l.failures)
}
