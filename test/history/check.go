package history

import (
	"fmt"
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
	v := &Verdict{Trial: t, model: m.porcupine(), operations: timed(steps)}
	v.Result = porcupine.CheckOperationsTimeout(v.model, v.operations, limit)
	if v.Result != porcupine.Ok {
		// Once more, taking down how far it gets.
		_, v.info = porcupine.CheckOperationsVerbose(v.model, v.operations, limit)
	}
	return v
}

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
	var longest []porcupine.Operation
	for _, partial := range v.info.PartialLinearizationsOperations() {
		for _, order := range partial {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
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

// Visualize writes a page that shows the operations, and the longest orders
// that fit, to a file.
func (v *Verdict) Visualize(file string) error {
	if err := porcupine.VisualizePath(v.model, v.info, file); err != nil {
		return fmt.Errorf("picture of epoch %d, cell %d: %w", v.Trial.Epoch, v.Trial.Cell, err)
	}
	return nil
}
