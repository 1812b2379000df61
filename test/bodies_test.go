package test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestBodiesOfManyValues: a body costs memory in proportion to its length,
// whatever is in it, and so do several at a time.
func TestBodiesOfManyValues(t *testing.T) {
	const length, clients = 1 << 20, 12
	most := int64(64 << 20)
	if raced() {
		most *= 4 // the race detector keeps a history of memory
	}
	fill := func(begin, again, end string) string {
		return begin + strings.Repeat(again, (length-len(begin)-len(end))/len(again)) + end
	}
	bodies := map[string]string{
		"zeros":          fill("[", "0,", "0]"),
		"lists":          fill("[", "[],", "[]]"),
		"open lists":     fill("", "[", ""),
		"open objects":   fill("", `{"a":`, ""),
		"one name":       fill("{", `"a":0,`, `"a":0}`),
		"short texts":    fill("[", `"123456",`, "0]"),
		"escaped quotes": fill(`["`, `\",`, `"]`),
		"blanks":         fill("[", " ", "]"),
	}
	p := start(t, nil)
	served(t, p)
	before := p.peak()
	paths := []string{"/device_profiles", "/accelerator_requests", "/attributes"}
	var jobs []func()
	for range clients {
		jobs = append(jobs, func() {
			c := p.client()
			for name, body := range bodies {
				for _, path := range paths {
					got, err := c.do(http.MethodPost, path, body)
					if err != nil || got.status != 400 && got.status != 413 {
						t.Errorf("%s to %s: %.200v, %v", name, path, got, err)
						return
					}
				}
			}
		})
	}
	together(jobs...)
	if grown := p.peak() - before; grown > clients*most {
		t.Errorf("%d clients with bodies of %d bytes took %d bytes of memory, want at most %d", clients, length, grown, clients*most)
	} else {
		t.Logf("%d bytes of memory for each client", grown/clients)
	}
}

// peak gives the most memory that the process ever had, in bytes.
func (p *process) peak() int64 { p.t.Helper(); return p.memory("VmHWM:") }

// anonymous gives the memory of the process that is no file's, in bytes.
func (p *process) anonymous() int64 { p.t.Helper(); return p.memory("RssAnon:") }

func (p *process) memory(what string) int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), what); found {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return kib << 10
		}
	}
	p.t.Fatalf("the kernel does not tell %s", what)
	return 0
}
