package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/agent"
	"github.com/arqd/arqd/devices/sysfs"
)

// encodeInventory writes an inventory for machines, and what is for people
// alone to stderr.
func encodeInventory(stdout, stderr io.Writer, inventory agent.Inventory) error {
	for _, r := range inventory {
		for _, note := range r.Notes {
			fmt.Fprintf(stderr, "arqd: note: %s: %s\n", r.Driver, note)
		}
	}
	out := json.NewEncoder(stdout)
	out.SetIndent("", " ")
	return out.Encode(inventory)
}

// printer writes an inventory for people.
type printer struct {
	ctx context.Context
	bus *sysfs.Bus
	out *bufio.Writer
}

func (p *printer) print(drivers []devices.Driver, inventory agent.Inventory) error {
	for i, r := range inventory {
		fmt.Fprintf(p.out, "%s: %d devices\n", r.Driver, len(r.Devices))
		for j := range r.Devices {
			p.device(drivers[i], &r.Devices[j])
		}
		for _, problem := range r.Problems {
			fmt.Fprintf(p.out, "  problem: %s: %s: %s\n", problem.Where, problem.Kind, problem.Detail)
		}
		for _, note := range r.Notes {
			fmt.Fprintf(p.out, "  note: %s\n", note)
		}
		if r.Err != nil {
			fmt.Fprintf(p.out, "  error: %v\n", r.Err)
		}
	}
	return p.out.Flush()
}

func (p *printer) device(driver devices.Driver, d *devices.Device) {
	stub := ""
	if d.Stub {
		stub = ", a stub: its kernel module is not bound, so the service leaves it alone"
	}
	fmt.Fprintf(p.out, "  %s %s %s%s\n", d.Type, d.Vendor, d.Model, stub)
	if h, err := driver.Health(p.ctx, d.ControlPath); err != nil {
		fmt.Fprintf(p.out, "    health unknown: %v\n", err)
	} else {
		if h.State != devices.HealthOK {
			fmt.Fprintf(p.out, "    %s: %s\n", h.State, strings.Join(h.Reasons, "; "))
		}
		for _, counter := range slices.Sorted(maps.Keys(h.Errors)) {
			if n := h.Errors[counter]; n > 0 {
				fmt.Fprintf(p.out, "    %s errors since it was started: %d\n", counter, n)
			}
		}
	}
	for i := range d.Deployables {
		dep := &d.Deployables[i]
		fmt.Fprintf(p.out, "    %s: %d of %s\n", dep.Name, dep.NumAccelerators, attributeWords(dep.Attributes))
		if place, ok := agent.PlaceOf(p.bus, dep); ok {
			fmt.Fprintf(p.out, "      %s\n", placeWords(&place))
		}
	}
}

// attributeWords gives the resource class, then the traits.
func attributeWords(all []devices.Attribute) string {
	class, traits := "", []string{}
	for _, a := range all {
		switch {
		case a.Key == "rc":
			class = a.Value
		case strings.HasPrefix(a.Key, "trait"):
			traits = append(traits, a.Value)
		}
	}
	return strings.Join(append([]string{class}, traits...), " ")
}

func placeWords(p *agent.Place) string {
	var words []string
	for _, a := range p.Attributes() {
		words = append(words, strings.ReplaceAll(a.Key, "_", " ")+" "+a.Value)
	}
	if len(p.SharedWith) > 0 {
		words = append(words, "cannot be passed to a guest by itself")
	}
	if len(words) == 0 {
		return "nothing is known of its place"
	}
	return strings.Join(words, ", ")
}
