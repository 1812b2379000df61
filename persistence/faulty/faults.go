package faulty

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Moment is when, within a write, the process is killed.
type Moment string

const (
	// Before is before the write reaches the store: nothing of it is kept.
	Before Moment = "before"
	// After is when the write is durable and nobody has been told.
	After Moment = "after"
)

// Faults say what goes wrong. The zero value is none.
type Faults struct {
	// SlowPercent of all writes wait up to SlowMost before the store gets
	// them, and those behind them wait as well.
	SlowPercent int
	SlowMost    time.Duration
	// ForgetPercent of all writes are answered with Unknown: half of them are
	// passed on to the store, the others are not.
	ForgetPercent int
	// KillAt is the write, counted from 1, at which Kill is called, at the
	// Moment KillWhen. 0: never. Where KillOf is not empty, only writes of these
	// Kinds count.
	KillAt   int64
	KillWhen Moment
	KillOf   string
	// Seed of what is random.
	Seed uint64
}

// ErrFaults is wrapped by the errors of Parse.
var ErrFaults = errors.New("faults")

// ErrForgotten is the cause of an outcome that was forgotten.
var ErrForgotten = errors.New("injected: the outcome was forgotten")

// Parse reads faults as the environment carries them: words with a blank in
// between, each name=value. The values are slow=PERCENT/DURATION,
// forget=PERCENT, kill=NUMBER/before or kill=NUMBER/after, with /KINDS behind it
// or not, and seed=NUMBER. Other names are left to others.
func Parse(text string) (Faults, error) {
	var f Faults
	for word := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(word, "=")
		first, second, _ := strings.Cut(value, "/")
		var err, also error
		switch name {
		case "slow":
			f.SlowPercent, err = strconv.Atoi(first)
			f.SlowMost, also = time.ParseDuration(second)
		case "forget":
			f.ForgetPercent, err = strconv.Atoi(value)
		case "kill":
			when, kinds, _ := strings.Cut(second, "/")
			f.KillAt, err = strconv.ParseInt(first, 10, 64)
			f.KillWhen, also = moment(when)
			f.KillOf = kinds
		case "seed":
			f.Seed, err = strconv.ParseUint(value, 10, 64)
		}
		if err := errors.Join(err, also); err != nil {
			return Faults{}, fmt.Errorf("%w: %q: %w", ErrFaults, word, err)
		}
	}
	return f, nil
}

func moment(s string) (Moment, error) {
	if m := Moment(s); m == Before || m == After {
		return m, nil
	}
	return "", fmt.Errorf("%q is neither %s nor %s", s, Before, After)
}
