package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/devices/agent"
	"github.com/arqd/arqd/devices/agent/client"
	"github.com/arqd/arqd/devices/agent/journal"
	"github.com/arqd/arqd/devices/agent/uevent"
	"github.com/arqd/arqd/devices/bitstream"
	"github.com/arqd/arqd/devices/sysfs"
)

// runAgent runs the agent of this host until ctx ends or a signal asks it to stop.
func runAgent(ctx context.Context, args, environ []string, stderr io.Writer) error {
	flags := newAgentFlags("arqd agent", stderr)
	socket := flags.String("uevents", "", "")
	cfg, warnings, err := flags.load(args, environ)
	if err != nil {
		return err
	}
	if err := cfg.CheckAgentRuns(); err != nil {
		return err
	}
	log, level := newLogger(cfg, stderr)
	for _, w := range warnings {
		log.Warn("configuration", "where", w.Where, "text", w.Text)
	}
	ctx, hangups, release := withSignals(ctx)
	defer release()

	bus := sysfs.New(*flags.root)
	boot, err := bootID(bus)
	if err != nil {
		return err
	}
	dir := filepath.Join(cfg.Default.StatePath, "agent")
	images := filepath.Join(dir, "images")
	j, err := openJournal(ctx, dir, images, log)
	if err != nil {
		return err
	}
	defer j.Close()
	service := client.New(client.Options{URL: cfg.Agent.ServiceURL, Host: cfg.Default.Host, Identity: cfg.AgentIdentity})
	defer service.Close()
	gpus, end := manageGPUs(cfg, bus, log)
	defer end()
	drivers, err := newDrivers(cfg, bus, bitstream.Loader{
		Images: service.Images(), Dir: images, Limit: cfg.Agent.ProgramTimeout, Lock: j.Lock(),
	}, gpus)
	if err != nil {
		return err
	}
	drivers = agent.Guarded(drivers)
	a := agent.New(agent.Options{
		Host: cfg.Default.Host, Provider: cfg.Agent.ResourceProviderName, Version: version, BootID: boot, Service: service, Journal: j, Log: log,
		Drivers: drivers, Retired: retiredDrivers(cfg, bus), Bus: bus, Look: func(ctx context.Context) agent.Inventory { return look(ctx, cfg, bus, drivers) },
		Events:       eventSource(*socket, *flags.root, log),
		ScanInterval: cfg.Agent.ScanInterval, Spread: cfg.Agent.SessionSpread, Grace: cfg.Agent.ShutdownTimeout,
	})
	log.Info("the agent runs", "host", cfg.Default.Host, "service", cfg.Agent.ServiceURL, "drivers", cfg.Agent.EnabledDrivers)
	go onHangup(ctx, hangups, func() {
		next, _, err := config.LoadAgent(flags.files, environ)
		if err != nil {
			log.Error("the configuration was not reloaded", "error", err)
			return
		}
		setLevel(level, next)
		for _, o := range cfg.Changed(next) {
			if !o.Reloadable {
				log.Warn("a changed option needs a restart", "section", o.Group, "option", o.Name)
			}
		}
		a.Look()
		log.Info("configuration reloaded")
	})
	if err := a.Run(ctx); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// eventSource gives where events come from. The kernel's are not about a tree that
// stands for another machine.
func eventSource(socket, root string, log *slog.Logger) uevent.Source {
	switch {
	case socket != "":
		return uevent.Socket(socket)
	case filepath.Clean(root) != "/":
		log.Info("there are no events of another root: devices that come and go are seen at the next look", "root", root)
		return nil
	default:
		return uevent.Kernel{}
	}
}

// bootID tells one start of the machine from the next. A tree that stands for
// another machine may have its own.
func bootID(bus *sysfs.Bus) (string, error) {
	const file = "proc/sys/kernel/random/boot_id"
	text, err := os.ReadFile(bus.Path(file))
	if errors.Is(err, os.ErrNotExist) {
		text, err = os.ReadFile("/" + file)
	}
	return strings.TrimSpace(string(text)), err
}

// How long the start waits for the journal: an agent that was told to stop, or a
// tool, may be about to end.
const (
	journalPatience = 3 * time.Second
	journalPause    = 100 * time.Millisecond
)

// openJournal waits for the journal. What the images of an agent that was killed take
// of the disk is given back before the journal wants some.
func openJournal(ctx context.Context, dir, images string, log *slog.Logger) (*journal.Journal, error) {
	limit := time.NewTimer(journalPatience)
	defer limit.Stop()
	tick := time.NewTicker(journalPause)
	defer tick.Stop()
	for waited := false; ; waited = true {
		j, err := journal.Open(dir, func() error { return emptyDir(images) })
		if !errors.Is(err, journal.ErrLocked) {
			return j, err
		}
		if !waited {
			log.Warn("the journal is in use; waiting", "error", err)
		}
		select {
		case <-tick.C:
		case <-limit.C:
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}

// emptyDir makes a directory, and removes what a run before has left in it.
func emptyDir(name string) error {
	if err := os.RemoveAll(name); err != nil {
		return err
	}
	return os.Mkdir(name, 0o700)
}
