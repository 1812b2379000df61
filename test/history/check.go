package history

import (
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Verdict is what Check found.
type Verdict struct {
	// Result is Ok, Illegal (there is no order that fits) or Unknown (none was
	// found in time, which proves nothing).
	Result porcupine.CheckResult
	Trial  *Trial

	model      porcupine.Model
	operations []porcupine.Operation
	info       porcupine.LinearizationInfo
}

// Check searches for an order of a trial's operations that fits the answers.
// It gives up after the limit.
func Check(setting *Setting, t *Trial, limit time.Duration) *Verdict {
	m, steps := compile(setting, t)
	v := &Verdict{Trial: t}
	v.Result = porcupine.CheckOperationsTimeout(m.porcupine(), timed(steps), limit)
	if v.Result != porcupine.Ok {
		// Once more, taking down how far it gets; with another model, because a
		// search that ran out of time may still use this one.
		m, steps = compile(setting, t)
		v.model, v.operations = m.porcupine(), timed(steps)
		_, v.info = porcupine.CheckOperationsVerbose(v.model, v.operations, min(limit, explainLimit))
	}
	return v
}

// explainLimit is how long the search for what to show of a history goes on.
const explainLimit = 20 * time.Second

// timed gives the steps as the checker wants them. A step without an answer
// ends when something of it was first seen, if that was its alone: there it had
// been done. It gets a line of its own in pictures, for its client went on.
func timed(steps []*step) []porcupine.Operation {
	var operations []porcupine.Operation
	lines := 0
	for _, s := range steps {
		lines = max(lines, s.of.Client+1)
	}
	for _, s := range steps {
		op := porcupine.Operation{ClientId: s.of.Client, Input: s, Call: s.of.Call, Return: min(s.of.Return, s.proof)}
		if s.status == unanswered {
			op.ClientId = lines
			lines++
		}
		operations = append(operations, op)
	}
	return operations
}

// Stuck gives the operation at which the longest order that fits ends: of
// those not in it, the one that was answered first.
func (v *Verdict) Stuck() *Operation {
	longest := v.longest()
	var stuck *Operation
	first := int64(math.MaxInt64)
	for _, o := range v.operations {
		in := slices.ContainsFunc(longest, func(p porcupine.Operation) bool { return p.Input == o.Input })
		if s, _ := o.Input.(*step); !in && o.Return < first {
			stuck, first = s.of, o.Return
		}
	}
	return stuck
}

func (v *Verdict) longest() []porcupine.Operation {
	var longest []porcupine.Operation
	for _, partial := range v.info.PartialLinearizationsOperations() {
		for _, order := range partial {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	return longest
}

// Explain tells the longest order that fits: the times of call and return in
// milliseconds, the operation, what is known of the world after it; and at
// which operation the order ends.
func (v *Verdict) Explain(out io.Writer) error {
	world := v.model.Init()
	for _, o := range v.longest() {
		_, world = v.model.Step(world, o.Input, nil)
		_, err := fmt.Fprintf(out, "%10.2f %10.2f  %s\n    %s\n", float64(o.Call)/1e6, float64(o.Return)/1e6,
			v.model.DescribeOperation(o.Input, nil), v.model.DescribeState(world))
		if err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "stuck at %s\n", v.Stuck())
	return err
}

// Visualize writes a page that shows the operations, and the longest orders
// that fit, to a file.
func (v *Verdict) Visualize(file string) error {
	if err := porcupine.VisualizePath(v.model, v.info, file); err != nil {
		return fmt.Errorf("picture of epoch %d, cell %d: %w", v.Trial.Epoch, v.Trial.Cell, err)
	}
	return nil
}
