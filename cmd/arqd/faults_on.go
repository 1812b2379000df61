//go:build faults

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/faulty"
)

// withFaults puts the faults that ARQD_FAULTS names before store and hardware.
// Beside those of faulty.Parse there is device=PERCENT/DURATION: so many
// commands fail, and each takes up to so long.
func (s *service) withFaults(store persistence.Store, hardware actors.Hardware) (persistence.Store, actors.Hardware, error) {
	text := os.Getenv("ARQD_FAULTS")
	faults, err := faulty.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	if faults != (faulty.Faults{}) {
		store = faulty.New(store, faults, s.killSelf)
	}
	for word := range strings.FieldsSeq(text) {
		value, is := strings.CutPrefix(word, "device=")
		if !is {
			continue
		}
		if hardware, err = newFaultyHardware(hardware, value); err != nil {
			return nil, nil, fmt.Errorf("%q: %w", word, err)
		}
	}
	s.log.Warn("this binary was built to misbehave", "faults", text)
	return store, hardware, nil
}

// killSelf ends the process as kill -9 does, and does not return.
func (s *service) killSelf(t persistence.Transition) {
	s.log.Warn("killed at a write", "write", faulty.Kinds(t))
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// faultyHardware fails and delays what is asked of the hardware behind it.
type faultyHardware struct {
	actors.Hardware
	percent int
	most    time.Duration
}

func newFaultyHardware(behind actors.Hardware, value string) (actors.Hardware, error) {
	first, second, _ := strings.Cut(value, "/")
	percent, err := strconv.Atoi(first)
	most, also := time.ParseDuration(second)
	if err := errors.Join(err, also); err != nil {
		return nil, err
	}
	return &faultyHardware{behind, percent, most}, nil
}

var errDevice = errors.New("injected failure of the device")

// Do takes its time, and fails or does what it is asked.
func (h *faultyHardware) Do(ctx context.Context, c devices.Command) error {
	select {
	case <-time.After(time.Duration(rand.Int64N(int64(h.most) + 1))):
	case <-ctx.Done():
		return ctx.Err()
	}
	if rand.IntN(100) < h.percent {
		return errDevice
	}
	return h.Hardware.Do(ctx, c)
}
