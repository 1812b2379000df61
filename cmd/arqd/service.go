package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fake"
	"github.com/arqd/arqd/http"
	"github.com/arqd/arqd/http/agents"
	"github.com/arqd/arqd/http/openstack"
	"github.com/arqd/arqd/persistence/badger"
)

// service is the running program: every part, and the order in which they
// come and go.
type service struct {
	cfg       *config.Config
	log       *slog.Logger
	output    io.Writer // where the log goes, whole lines at a time
	bare      bool      // no configuration file
	store     *badger.Store
	system    *actors.System
	hardware  fakeHosts
	keystone  *openstack.Session   // nil unless auth_strategy is keystone
	sessions  []*openstack.Session // with the other services of the cloud
	api       *http.Server
	operators *http.Operators
	listeners []net.Listener
	agents    *agents.Server // nil where agents are not listened to
	tokens    *agents.Tokens // nil where only certificates count
	// certificates are those of the listeners that are served with TLS.
	certificates []*certificates
	inventory    atomic.Bool   // the built-in devices are on record
	lookNow      chan struct{} // look at the policy file now

	failed  chan error // a listener gave up
	running sync.WaitGroup
	cancel  context.CancelFunc
}

func newService(cfg *config.Config, log *slog.Logger, output io.Writer, bare bool) *service {
	return &service{
		cfg: cfg, log: log, output: output, bare: bare,
		failed: make(chan error, 3), lookNow: make(chan struct{}, 1), cancel: func() {},
	}
}

// open starts the parts, each with the reason for its place. After an error,
// close takes down what had come up.
func (s *service) open(ctx context.Context) error {
	ctx, s.cancel = context.WithCancel(ctx)
	// What can be refused without side effects comes first.
	metrics := http.NewMetrics()
	metrics.SetVersion(version)
	enforcer, err := newEnforcer(s.cfg)
	if err != nil {
		return err
	}
	for _, w := range enforcer.Policy().Warnings() {
		s.log.Warn("policy", "file", s.cfg.OsloPolicy.PolicyFile, "text", w)
	}
	validator, err := s.newValidator(metrics)
	if err != nil {
		return err
	}
	notifier, err := s.newNotifier(metrics)
	if err != nil {
		return err
	}
	scheduler, err := s.newPlacement()
	if err != nil {
		return err
	}
	images, err := s.newGlance()
	if err != nil {
		return err
	}
	apiTLS, err := s.readCertificates(sslSection)
	if err != nil {
		return err
	}
	agentsTLS, err := s.readAgents()
	if err != nil {
		return err
	}
	// The store: whoever holds it is the one arqd of this state directory.
	if err := s.openStore(metrics); err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nearly all that is made from here on stays
	s.hardware = newFakeHosts(&s.cfg.Fake, images)
	store, hardware, err := s.withFaults(s.store, s.hardware)
	if err != nil {
		return err
	}
	options := s.systemOptions()
	options.Images = images
	if scheduler != nil {
		options.Inventory = scheduler
		s.showPlacement(metrics, scheduler)
	}
	s.system = actors.New(options, store, hardware, notifier)
	// The listeners: from here on callers get an answer, if only 503.
	backend := &backend{System: s.system, service: s}
	s.api = http.New(s.apiOptions(), backend, validator, enforcer, metrics)
	s.operators = http.NewOperators(s.api, keeper{s.store})
	if s.cfg.Agents.Enabled() {
		s.newAgents(backend, metrics)
	}
	if err := s.listen(ctx, apiTLS, agentsTLS); err != nil {
		return err
	}
	// Recovery, which may take a while.
	if err := s.system.Start(ctx); err != nil {
		return fmt.Errorf("the state in %s cannot be used: %w", storeDir(s.cfg), err)
	}
	if err := s.registerInventory(ctx); err != nil {
		return err
	}
	s.running.Go(func() { s.watchPolicy(ctx, enforcer) })
	s.running.Go(func() { s.watchCertificates(ctx) })
	s.announce()
	return nil
}

// close stops in reverse, under one deadline: callers first, the store last.
func (s *service) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Arqd.ShutdownTimeout)
	defer cancel()
	var errs []error
	if s.api != nil {
		errs = append(errs, s.api.Shutdown(ctx))
	}
	if s.agents != nil { // a call of the API may have waited for one
		errs = append(errs, s.agents.Shutdown(ctx))
	}
	if s.system != nil {
		errs = append(errs, s.system.Stop(ctx))
	}
	if s.operators != nil {
		errs = append(errs, s.operators.Shutdown(ctx))
	}
	for _, ln := range s.listeners {
		_ = ln.Close() // those that were never served
	}
	if s.keystone != nil {
		s.keystone.Close()
	}
	for _, session := range s.sessions {
		session.Close()
	}
	s.cancel()
	s.running.Wait()
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("[arqd]shutdown_timeout: not everything came to an end within %s; what was left was cut off",
			s.cfg.Arqd.ShutdownTimeout)
	}
	return errors.Join(errs...)
}

func storeDir(cfg *config.Config) string { return filepath.Join(cfg.Default.StatePath, "store") }

func (s *service) openStore(metrics *http.Metrics) error {
	if err := makeStateDir(s.cfg.Default.StatePath); err != nil {
		return err
	}
	store, err := badger.Open(badger.Options{Dir: storeDir(s.cfg), Logger: s.log, Observer: metrics})
	if err != nil {
		return err
	}
	s.store = store
	metrics.SetStore(func() http.StoreCounts {
		st := store.Stats()
		return http.StoreCounts{
			QueueDepth: st.QueueDepth, Won: st.Won, Lost: st.Lost, Unknown: st.Unknown,
			Free: st.Free, Reserve: st.Reserve,
		}
	})
	return nil
}

// listen opens all listeners before any is served, so that a busy port is
// found before anybody is answered.
func (s *service) listen(ctx context.Context, apiTLS, agentsTLS *certificates) error {
	c := s.cfg
	api, err := s.listenOn(ctx, c.API.HostIP, c.API.Port, "[api]port")
	if err != nil {
		return err
	}
	admin, err := s.listenOn(ctx, c.Arqd.AdminHost, c.Arqd.AdminPort, "[arqd]admin_port")
	if err != nil {
		return err
	}
	if s.agents != nil {
		ln, err := s.listenOn(ctx, c.Agents.HostIP, c.Agents.Port, "[agents]port")
		if err != nil {
			return err
		}
		s.run(func() error { return s.agents.Serve(agentsTLS.over(ln)) })
	}
	s.run(func() error { return s.api.Serve(apiTLS.over(api)) })
	s.run(func() error { return s.operators.Serve(admin) })
	return nil
}

// listenOn opens a listener that close will close.
func (s *service) listenOn(ctx context.Context, host string, port int, option string) (net.Listener, error) {
	ln, err := listen(ctx, host, port, option)
	if err == nil {
		s.listeners = append(s.listeners, ln)
	}
	return ln, err
}

func listen(ctx context.Context, host string, port int, option string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot listen: %w", option, err)
	}
	return ln, nil
}

func (s *service) run(serve func() error) {
	s.running.Go(func() {
		if err := serve(); err != nil {
			s.failed <- err
		}
	})
}

func (s *service) registerInventory(ctx context.Context) error {
	for _, host := range s.cfg.Fake.Hosts {
		found, err := s.hardware[host].Discover(ctx)
		if err == nil {
			err = s.system.RegisterInventory(ctx, host, found.Devices)
		}
		if err != nil {
			return fmt.Errorf("the fake devices of host %s: %w", host, err)
		}
	}
	s.inventory.Store(true)
	return nil
}

// backend is the System, ready once the rest of the service is.
type backend struct {
	*actors.System
	service *service
}

// Serving tells whether the service has started.
func (b *backend) Serving() bool { return b.System.Serving() && b.service.inventory.Load() }

// Ready gives the reasons why requests should not come here yet, or any more.
func (b *backend) Ready() []string {
	reasons := b.System.Ready()
	if len(reasons) > 0 {
		return reasons
	}
	if !b.service.inventory.Load() {
		reasons = append(reasons, "registering devices")
	}
	if why := b.service.store.Stats().Refusal; why != nil {
		reasons = append(reasons, why.Error())
	}
	return reasons
}

// fakeHosts is the hardware of the built-in fake devices.
type fakeHosts map[string]*fake.Driver

func newFakeHosts(cfg *config.Fake, images devices.Images) fakeHosts {
	hosts := make(fakeHosts, len(cfg.Hosts))
	for _, host := range cfg.Hosts {
		hosts[host] = fake.New(fakeOptions(cfg, host, images))
	}
	return hosts
}

func fakeOptions(cfg *config.Fake, host string, images devices.ImageSource) fake.Options {
	return fake.Options{
		Host: host, DevicesPerHost: cfg.DevicesPerHost, HandlesPerDevice: cfg.HandlesPerDevice,
		OperationDelay: cfg.OperationDelay, FailImages: cfg.FailImages, Images: images,
	}
}
