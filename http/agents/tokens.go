package agents

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Tokens are what agents show where there are no certificates. Only their
// digests are kept.
type Tokens struct {
	path  string
	hosts atomic.Pointer[map[[sha256.Size]byte][]string]

	mu      sync.Mutex // of those who look at the file
	changed time.Time  // of the file, when it was read
}

// leastToken is the least length of a token, in bytes.
const leastToken = 16

// ReadTokens reads a file with a line per host: its name, its token, and other
// names that its devices may begin with. # begins a comment. Nobody but its
// owner and his group may read it.
func ReadTokens(path string) (*Tokens, error) {
	t := &Tokens{path: path}
	_, err := t.Reload()
	return t, err
}

// Reload reads the file again if it has changed. After an error the tokens are
// as before, and the same file is not tried again.
func (t *Tokens) Reload() (changed bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if err != nil || info.ModTime().Equal(t.changed) {
		return false, err
	}
	t.changed = info.ModTime()
	if info.Mode().Perm()&0o007 != 0 {
		return false, fmt.Errorf("%s: others may read or write it; chmod o= would keep the tokens from them", t.path)
	}
	text, err := os.ReadFile(t.path)
	if err != nil {
		return false, err
	}
	hosts, err := parseTokens(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", t.path, err)
	}
	t.hosts.Store(&hosts)
	return true, nil
}

func parseTokens(text []byte) (map[[sha256.Size]byte][]string, error) {
	hosts := map[[sha256.Size]byte][]string{}
	seen := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 2 {
			return nil, fmt.Errorf("line %d: a host and its token are wanted", n)
		}
		host, token := fields[0], fields[1]
		sum := sha256.Sum256([]byte(token))
		switch {
		case len(token) < leastToken:
			return nil, fmt.Errorf("line %d: the token of %s has fewer than %d characters", n, host, leastToken)
		case seen[host]:
			return nil, fmt.Errorf("line %d: %s is there twice", n, host)
		case hosts[sum] != nil:
			return nil, fmt.Errorf("line %d: the token of %s is that of %s", n, host, hosts[sum][0])
		}
		seen[host] = true
		hosts[sum] = append([]string{host}, fields[2:]...)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	for _, names := range hosts {
		for _, other := range names[1:] {
			if seen[other] { // he could speak for it
				return nil, fmt.Errorf("%s, another name of %s, is a host with a token of its own", other, names[0])
			}
		}
	}
	if len(hosts) == 0 {
		return nil, errors.New("there is no token in it")
	}
	return hosts, nil
}

// names gives the host of a token, and its other names; none: it is no token.
func (t *Tokens) names(token []byte) []string {
	return (*t.hosts.Load())[sha256.Sum256(token)]
}
