package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// line is a line of a journal: the setting first, then trials, each followed
// by its operations.
type line struct {
	Setting   *Setting   `json:"setting,omitempty"`
	Trial     *Trial     `json:"trial,omitempty"`
	Operation *Operation `json:"op,omitempty"`
}

// Write writes trials as lines of JSON.
func Write(out io.Writer, setting *Setting, trials []*Trial) error {
	w := bufio.NewWriter(out)
	lines := json.NewEncoder(w)
	err := lines.Encode(line{Setting: setting})
	for _, t := range trials {
		err = errors.Join(err, lines.Encode(line{Trial: t}))
		for i := range t.Operations {
			err = errors.Join(err, lines.Encode(line{Operation: &t.Operations[i]}))
		}
	}
	return errors.Join(err, w.Flush())
}

// Read reads what Write wrote.
func Read(in io.Reader) (*Setting, []*Trial, error) {
	var setting *Setting
	var trials []*Trial
	lines := json.NewDecoder(in)
	for n := 1; ; n++ {
		var l line
		switch err := lines.Decode(&l); {
		case errors.Is(err, io.EOF) && setting != nil:
			return setting, trials, nil
		case err != nil:
			return nil, nil, fmt.Errorf("line %d of a history: %w", n, err)
		case l.Setting != nil:
			setting = l.Setting
		case l.Trial != nil:
			trials = append(trials, l.Trial)
		case l.Operation != nil && len(trials) > 0:
			last := trials[len(trials)-1]
			last.Operations = append(last.Operations, *l.Operation)
		default:
			return nil, nil, fmt.Errorf("line %d of a history is neither a trial nor one of its operations", n)
		}
	}
}
