// Package nvml asks NVIDIA's management library about GPUs that the host's own
// driver has: whether they are partitioned (MIG), and how they are. The library
// is linked with the build tag nvml only, which needs cgo; what it is made of
// stands in this package without it, over an interface of few methods.
//
// A GPU that was given to a guest the library does not know, and nothing is said
// of it.
package nvml

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/sysfs"
)

// library is what is used of NVML.
type library interface {
	gpu(busID string) (gpu, error)
	// wait gives the next event of the GPUs that are watched; errQuiet: there was
	// none in that time.
	wait(time.Duration) (event, error)
	close()
}

// gpu is one GPU that the library knows.
type gpu interface {
	watch() error // has its events come
	// mig tells whether it is partitioned, and into how many instances.
	mig() (on bool, instances int, err error)
	// uncorrectable counts ECC errors of two bits since the driver was loaded.
	uncorrectable() (uint64, error)
	// rows tells whether rows of memory wait to be replaced, and whether that failed.
	rows() (pending, failed bool, err error)
}

// event is a critical error that a driver has reported.
type event struct {
	busID string
	xid   uint64
}

var (
	errQuiet   = errors.New("no event")
	errUnknown = errors.New("the library does not know the GPU")
	errLost    = errors.New("the driver has lost the GPU")
)

// Manager remembers what events have said. All methods may be called at the same
// time.
type Manager struct {
	log      *slog.Logger
	lib      library
	critical []int
	stop     chan struct{}
	ended    chan struct{}

	mu      sync.Mutex
	watched map[sysfs.Address]bool
	xids    map[sysfs.Address]uint64 // critical ones so far
}

const (
	eventWait  = time.Second
	eventPause = 10 * time.Second // after an error of the library
)

// newManager watches for events with one of the critical numbers, until Close.
func newManager(lib library, critical []int, log *slog.Logger) *Manager {
	m := &Manager{
		log: log, lib: lib, critical: critical, stop: make(chan struct{}), ended: make(chan struct{}),
		watched: make(map[sysfs.Address]bool), xids: make(map[sysfs.Address]uint64),
	}
	go m.watch()
	return m
}

// Close ends it, at the latest a second later.
func (m *Manager) Close() {
	close(m.stop)
	<-m.ended
	m.lib.close()
}

func (m *Manager) watch() {
	defer close(m.ended)
	for {
		e, err := m.lib.wait(eventWait)
		pause := time.Duration(0)
		switch {
		case err == nil:
			m.happened(e)
		case !errors.Is(err, errQuiet):
			m.log.Warn("events of GPUs cannot be waited for; trying again", "error", err)
			pause = eventPause
		}
		select {
		case <-m.stop:
			return
		case <-time.After(pause):
		}
	}
}

func (m *Manager) happened(e event) {
	a, err := sysfs.ParseAddress(strings.ToLower(e.busID))
	critical := slices.Contains(m.critical, int(e.xid)) //nolint:gosec // a number of three digits
	m.log.Warn("a GPU's driver has reported an error", "gpu", e.busID, "xid", e.xid, "critical", critical)
	if err != nil || !critical {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.xids[a]++
}

// gpu finds a GPU, and watches it from the first time on.
func (m *Manager) gpu(a sysfs.Address) (gpu, error) {
	g, err := m.lib.gpu(busID(a))
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.watched[a] {
		if err := g.watch(); err != nil {
			m.log.Warn("a GPU's events cannot be watched", "gpu", a.String(), "error", err)
		}
		m.watched[a] = true
	}
	return g, nil
}

// busID is an address as the library has it: a domain of eight digits, capitals.
func busID(a sysfs.Address) string {
	return strings.ToUpper(fmt.Sprintf("%08x:%02x:%02x.%x", a.Domain, a.Bus, a.Slot, a.Function))
}

// MIG tells whether a GPU is partitioned, and into how many instances; known:
// the library can say so.
func (m *Manager) MIG(a sysfs.Address) (on bool, instances int, known bool) {
	g, err := m.gpu(a)
	if err != nil {
		return false, 0, false
	}
	on, instances, err = g.mig()
	return on, instances, err == nil
}

// Examine adds what the library says of a GPU's health.
func (m *Manager) Examine(a sysfs.Address, h *devices.Health) {
	g, err := m.gpu(a)
	if errors.Is(err, errLost) {
		h.Worsen(devices.HealthFailed, errLost.Error())
	}
	if err != nil {
		return
	}
	if h.Errors == nil {
		h.Errors = make(map[devices.ErrorCounter]uint64)
	}
	m.mu.Lock()
	h.Errors[devices.ErrorsXid] = m.xids[a]
	m.mu.Unlock()
	n, err := g.uncorrectable()
	switch {
	case err == nil:
		h.Errors[devices.ErrorsECC] = n
	case errors.Is(err, errLost):
		h.Worsen(devices.HealthFailed, errLost.Error())
		return
	}
	switch pending, failed, err := g.rows(); {
	case err != nil: // not every GPU has such rows
	case failed:
		h.Worsen(devices.HealthFailed, "broken rows of its memory could not be replaced")
	case pending:
		h.Worsen(devices.HealthDegraded, "broken rows of its memory are replaced at the next reset")
	}
}
