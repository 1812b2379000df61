package actors

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// functionTraits begin the names of traits that say what an FPGA does: those that
// hosts report as well as that of what was loaded on our behalf, which is
// CUSTOM_FPGA_FUNCTION_ID_<driver>_<function>, as with the reference.
const functionTraits = "CUSTOM_FPGA_FUNCTION_ID"

// longestName is that of a trait, in Placement.
const longestName = 255

// loaded takes note of an image that is in place, and of what it does; "" is not
// known.
func (d *Deployable) loaded(image uuid.UUID, function string) {
	d.BitstreamID, d.Function = image, function
}

// overwritten takes note that an image is about to be loaded: neither what was
// loaded before nor what the host has reported of it can be relied on.
func (d *Deployable) overwritten() {
	d.loaded(uuid.Nil, "")
	if reported := d.reportedFunctions(); len(reported) > 0 {
		d.Overwritten = reported
	}
}

// reportedFunctions are the function traits that the host has reported, sorted.
func (d *Deployable) reportedFunctions() []string {
	var all []string
	for _, a := range d.Attributes {
		if a.Reported && strings.HasPrefix(a.Key, "trait") && strings.HasPrefix(a.Value, functionTraits) {
			all = append(all, a.Value)
		}
	}
	slices.Sort(all)
	return all
}

// functionsReported believes the host again once it has reported other functions
// than those that were overwritten: it has looked since.
func (d *Deployable) functionsReported() {
	if !slices.Equal(d.Overwritten, d.reportedFunctions()) {
		d.Overwritten = nil
	}
}

// functionTrait says what was loaded does; "": nothing, or it is not known, or
// the name would be none for the scheduler.
func (d *Deployable) functionTrait() string {
	if d.Function == "" {
		return ""
	}
	name := schedulerName(functionTraits + "_" + d.DriverName + "_" + d.Function)
	if len(name) > longestName {
		return ""
	}
	return name
}
