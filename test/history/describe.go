package history

import (
	"fmt"
	"strings"
)

// String gives a request and its answer in a line.
func (o *Operation) String() string {
	r, a := &o.Request, &o.Answer
	var b strings.Builder
	b.WriteString(string(r.Kind))
	for _, word := range []string{r.Profile, r.Device, r.Instance} {
		if word != "" {
			b.WriteString(" " + word)
		}
	}
	if r.Kind == SetDevice {
		fmt.Fprintf(&b, " enabled=%v", r.Enable)
	}
	for _, id := range r.ARQs {
		b.WriteString(" " + short(id))
	}
	for _, i := range r.Items {
		b.WriteString(" " + i.String())
	}
	if r.Token != "" {
		b.WriteString(" as " + r.Token)
	}
	if a.Status == 0 {
		return b.String() + " -> no answer"
	}
	fmt.Fprintf(&b, " -> %d", a.Status)
	for _, one := range a.ARQs {
		b.WriteString(" " + one.String())
	}
	if a.Reason != "" {
		b.WriteString(" (" + a.Reason + ")")
	}
	switch r.Kind {
	case ShowDevice:
		fmt.Fprintf(&b, " enabled=%v", a.Enabled)
	case ShowImage:
		fmt.Fprintf(&b, " image=%s", short(a.Image))
	case Create, Patch, Delete, DeleteOfInstance, Show, List, ListOfInstance, ListResolved, SetDevice, Restart:
	}
	return b.String()
}

// String says what a PATCH does with an ARQ.
func (i Item) String() string {
	if i.Device == "" {
		return short(i.ARQ) + ":unbind"
	}
	where := i.Device
	if i.Host != "" {
		where += " on " + i.Host
	}
	return fmt.Sprintf("%s:%s for %s", short(i.ARQ), where, i.Instance)
}

// String gives what an answer shows of an ARQ.
func (a ARQ) String() string {
	text := fmt.Sprintf("%s=%s/%s", short(a.UUID), a.State, a.Owner)
	if a.Device != "" {
		text += fmt.Sprintf("/%s/%s", a.Device, a.Instance)
	}
	if a.Handle != "" {
		text += "/" + short(a.Handle)
	}
	return text
}

// short is the end of a uuid, which is its random part.
func short(id string) string { return id[max(0, len(id)-6):] }

var stateNames = map[state]string{}

func init() {
	for name, s := range states {
		stateNames[s] = name
	}
}

// describe gives what is known of the world at a moment.
func (m *model) describe(w *worlds) string {
	const most = 3
	var texts []string
	for _, one := range w.all[:min(most, len(w.all))] {
		texts = append(texts, m.describeWorld(one))
	}
	if n := len(w.all) - most; n > 0 {
		texts = append(texts, fmt.Sprintf("%d more", n))
	}
	return strings.Join(texts, " OR ")
}

func (m *model) describeWorld(w *world) string {
	var parts []string
	s := &m.symbols
	for n, a := range w.arqs {
		if a.state == absent {
			continue
		}
		parts = append(parts, ARQ{
			UUID: s.arqs.all[n], State: stateNames[a.state], Owner: s.owners.all[a.owner],
			Device: s.devices.all[a.device], Instance: s.instances.all[a.instance], Handle: s.handles.all[a.handle],
		}.String())
	}
	for n, d := range w.devices[1:] {
		text := s.devices.all[n+1]
		if !d.enabled {
			text += " disabled"
		}
		if d.image != 0 {
			text += " image " + short(s.images.all[d.image])
		}
		most, _ := w.away(uint8(n + 1))
		parts = append(parts, fmt.Sprintf("%s %d/%d", text, most, w.handles))
	}
	if len(w.jobs) > 0 {
		parts = append(parts, fmt.Sprintf("%d jobs", len(w.jobs)))
	}
	return strings.Join(parts, " ")
}
