package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// diary is a client that writes down what was acknowledged, and when, so that its
// ARQs at any moment can be told.
type diary struct {
	c       *client
	rng     *rand.Rand
	profile string // of all its ARQs, and of nobody else's
	hosts   []deployable
	groups  []*group
	entries []diaryEntry
}

// group is two ARQs that are treated alike.
type group struct {
	uuids    []string
	instance string // "": not bound
	unbound  bool   // it was bound before: what comes next is its end
}

// diaryEntry is one change. It was made between the two times.
type diaryEntry struct {
	asked, answered time.Time
	lines           map[string]string // by ARQ, as a client sees it then; "": it is gone
}

// line tells of an ARQ all that a client sees of it but the times.
func (a *arq) line() string {
	return strings.Join([]string{a.UUID, a.State, a.Profile, a.Hostname, a.Provider, a.Instance, a.Project, a.HandleType, a.Handle}, " ")
}

func newDiaries(c *client, n int, seed uint64, hosts []deployable) []*diary {
	c.t.Helper()
	var all []*diary
	for i := range n {
		d := &diary{c: c, rng: rand.New(rand.NewPCG(seed, 1<<35+uint64(i))), profile: fmt.Sprintf("diary%d", i), hosts: hosts}
		c.createProfile(d.profile, 2)
		all = append(all, d)
	}
	return all
}

const diaryGroups = 20

// keep makes one change after the other until it is told to end.
func (d *diary) keep(end <-chan struct{}) error {
	for {
		select {
		case <-end:
			return nil
		default:
			if err := d.step(); err != nil {
				return err
			}
		}
	}
}

func (d *diary) step() error {
	if len(d.groups) == 0 || len(d.groups) < diaryGroups && d.rng.IntN(2) == 0 {
		return d.create()
	}
	i := d.rng.IntN(len(d.groups))
	switch g := d.groups[i]; {
	case g.unbound || d.rng.IntN(4) == 0:
		return d.remove(i)
	case g.instance != "":
		g.instance, g.unbound = "", true
		return d.patch(g, unbindBody(g.uuids...))
	default:
		g.instance = newUUID()
		return d.patch(g, bindBody(d.hosts[d.rng.IntN(len(d.hosts))], g.instance, g.uuids...))
	}
}

func (d *diary) create() error {
	e, body, err := d.ask(http.StatusCreated, http.MethodPost, "/accelerator_requests", createBody(d.profile))
	if err != nil {
		return err
	}
	var made struct {
		ARQs []arq `json:"arqs"`
	}
	if err := json.Unmarshal(body, &made); err != nil {
		return err
	}
	g := &group{}
	for _, one := range made.ARQs {
		g.uuids = append(g.uuids, one.UUID)
		e.lines[one.UUID] = one.line()
	}
	d.groups, d.entries = append(d.groups, g), append(d.entries, e)
	return nil
}

// patch binds or unbinds a group, and looks at what has come of it.
func (d *diary) patch(g *group, body []byte) error {
	e, _, err := d.ask(http.StatusAccepted, http.MethodPatch, "/accelerator_requests", body)
	if err != nil {
		return err
	}
	for _, id := range g.uuids {
		_, shown, err := d.ask(http.StatusOK, http.MethodGet, "/accelerator_requests/"+id, nil)
		if err != nil {
			return err
		}
		var one arq
		if err := json.Unmarshal(shown, &one); err != nil {
			return err
		}
		e.lines[id] = one.line()
	}
	d.entries = append(d.entries, e)
	return nil
}

func (d *diary) remove(i int) error {
	g := d.groups[i]
	path := deletePath(g.uuids...)
	if g.instance != "" {
		path = "/accelerator_requests?instance=" + g.instance
	}
	e, _, err := d.ask(http.StatusNoContent, http.MethodDelete, path, nil)
	if err != nil {
		return err
	}
	for _, id := range g.uuids {
		e.lines[id] = ""
	}
	d.groups[i] = d.groups[len(d.groups)-1]
	d.groups, d.entries = d.groups[:len(d.groups)-1], append(d.entries, e)
	return nil
}

func (d *diary) ask(status int, method, path string, body any) (e diaryEntry, answer []byte, err error) {
	e = diaryEntry{asked: time.Now(), lines: map[string]string{}}
	a, err := d.c.do(method, path, body)
	e.answered = time.Now()
	if err == nil && a.status != status {
		err = fmt.Errorf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.body)
	}
	if err != nil {
		return e, nil, err
	}
	return e, a.body, nil
}

// acknowledged is how many changes were answered before a moment.
func (d *diary) acknowledged(before time.Time) int {
	n := 0
	for n < len(d.entries) && d.entries[n].answered.Before(before) {
		n++
	}
	return n
}

// at gives the lines of the ARQs that there were after so many changes.
func (d *diary) at(changes int) map[string]string {
	lines := map[string]string{}
	for _, e := range d.entries[:changes] {
		maps.Copy(lines, e.lines)
	}
	maps.DeleteFunc(lines, func(_, line string) bool { return line == "" })
	return lines
}

// find gives after how many changes the ARQs were these; -1: after none from the
// first number on.
func (d *diary) find(lines map[string]string, first int) int {
	for n := first; n <= len(d.entries); n++ {
		if maps.Equal(d.at(n), lines) {
			return n
		}
	}
	return -1
}
