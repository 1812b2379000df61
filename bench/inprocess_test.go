package bench

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/http/auth"
	"github.com/arqd/arqd/persistence"
	"github.com/arqd/arqd/persistence/badger"
)

// inProcess is the service in this process, to be looked at from inside.
type inProcess struct {
	store   persistence.Store
	system  *actors.System
	devices *fake.Driver
	server  *http.Server
	addr    string
	served  chan error
}

func startInProcess(store persistence.Store, metrics *http.Metrics) (*inProcess, error) {
	silent := slog.New(slog.DiscardHandler)
	notifier := actors.NotifierFunc(func(context.Context, []*actors.Event) []error { return nil })
	policy, err := auth.NewEnforcer(auth.SetNew, "")
	if err != nil {
		return nil, err
	}
	p := &inProcess{store: store, served: make(chan error, 1)}
	p.devices = fake.New(fake.Options{Host: fakeHost, DevicesPerHost: fakeDevices, HandlesPerDevice: handlesPerDevice})
	p.system = actors.New(actors.Options{Logger: silent, LocalHosts: []string{fakeHost}}, store, p.devices, notifier)
	if err := p.system.Start(background); err != nil {
		return nil, err
	}
	p.server = http.New(http.Options{Log: silent, QuietAccess: true, MaxInflightWrites: 4096, MaxHeaderBytes: 16 << 10},
		p.system, auth.None{}, policy, metrics)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.addr = ln.Addr().String()
	go func() { p.served <- p.server.Serve(ln) }()
	return p, nil
}

func (p *inProcess) stop() error {
	ctx, cancel := context.WithTimeout(background, 30*time.Second)
	defer cancel()
	return errors.Join(p.server.Shutdown(ctx), <-p.served, p.system.Stop(ctx), p.store.Close())
}

// addDevices brings the fake devices on record.
func (p *inProcess) addDevices() error {
	found, err := p.devices.Discover(background)
	if err != nil {
		return err
	}
	return p.system.RegisterInventory(background, fakeHost, found.Devices)
}

// createProfile makes a device profile of so many groups like those of the
// other benchmarks.
func (p *inProcess) createProfile(name string, groups int) error {
	spec := actors.ProfileSpec{Name: name}
	for range groups {
		var group []actors.Request
		for _, r := range profileGroup {
			group = append(group, actors.Request{Key: r.Key, Value: r.Value})
		}
		spec.Groups = append(spec.Groups, group)
	}
	_, err := p.system.CreateProfile(background, spec)
	return err
}

func openInProcess(b *testing.B) *inProcess {
	b.Helper()
	metrics := http.NewMetrics()
	store, err := badger.Open(badger.Options{Dir: diskDir(b), Observer: metrics})
	if err != nil {
		b.Fatal(err)
	}
	p, err := startInProcess(store, metrics)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.stop(); err != nil {
			b.Error(err)
		}
	})
	if err := p.createProfile(profileName, 1); err != nil {
		b.Fatal(err)
	}
	return p
}
