package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/agent"
	"github.com/arqd/arqd/devices/bitstream"
	"github.com/arqd/arqd/devices/sysfs"
)

const agentUsage = `usage:
  arqd agent [--config-file FILE]... [--root DIR] [--pci-ids FILE] [--uevents SOCKET]
  arqd agent discover [--config-file FILE]... [--root DIR] [--pci-ids FILE] [--timeout TIME] [--json]

agent tells the service ([agent] service_url) what this host has, and prepares its
devices for instances. It ends with exit code 3 when another agent of this host has
taken its place.

discover prints what this host would report to the service, and what it would
not report and why. It changes nothing and needs no service. The exit code is 1
if a driver could not look.

  --config-file FILE   ini file to read; may be repeated, later ones win
  --root DIR           read DIR/sys in place of /sys
  --pci-ids FILE       names of PCI devices, in place of [agent] pci_ids
  --timeout TIME       report without the drivers that take longer (default 1m)
  --uevents SOCKET     take events from a Unix socket, datagrams in the kernel's form, in
                       place of the kernel; for trees that are not this machine's
  --json               print one JSON object, devices as they are reported
`

var errDriverFailed = errors.New("not every driver could look at its devices")

func agentCommand(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "discover" {
		return discover(ctx, args[1:], environ, stdout, stderr)
	}
	return runAgent(ctx, args, environ, stderr)
}

// agentFlags are what discovering and running have in common.
type agentFlags struct {
	*flag.FlagSet
	files        fileList
	root, pciIDs *string
}

func newAgentFlags(name string, stderr io.Writer) *agentFlags {
	f := &agentFlags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError)}
	f.SetOutput(stderr)
	f.Usage = func() { fmt.Fprint(stderr, agentUsage) }
	f.Var(&f.files, "config-file", "")
	f.root = f.String("root", "/", "")
	f.pciIDs = f.String("pci-ids", "", "")
	return f
}

// load parses the arguments and reads the configuration.
func (f *agentFlags) load(args, environ []string) (*config.Config, []config.Warning, error) {
	if err := f.Parse(args); err != nil {
		return nil, nil, errors.Join(errUsage, err)
	}
	if f.NArg() > 0 {
		return nil, nil, fmt.Errorf("%s takes no arguments besides its flags: %q", f.Name(), f.Args())
	}
	cfg, warnings, err := config.LoadAgent(f.files, environ)
	if err == nil && *f.pciIDs != "" {
		cfg.Agent.PCIIDs = *f.pciIDs
	}
	return cfg, warnings, err
}

func discover(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	flags := newAgentFlags("arqd agent discover", stderr)
	limit := flags.Duration("timeout", time.Minute, "")
	asJSON := flags.Bool("json", false, "")
	cfg, warnings, err := flags.load(args, environ)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintf(stderr, "arqd: warning: %s\n", w)
	}
	bus := sysfs.New(*flags.root)
	gpus, end := manageGPUs(cfg, bus, slog.New(slog.NewTextHandler(stderr, nil)))
	defer end()
	drivers, err := newDrivers(cfg, bus, bitstream.Loader{}, gpus)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	inventory := look(ctx, cfg, bus, drivers)
	if *asJSON {
		err = encodeInventory(stdout, stderr, inventory)
	} else {
		p := printer{ctx, bus, bufio.NewWriter(stdout)}
		err = p.print(drivers, inventory)
	}
	if err == nil && inventory.Failed() {
		err = errDriverFailed
	}
	return err
}

// look looks with all drivers.
func look(ctx context.Context, cfg *config.Config, bus *sysfs.Bus, drivers []devices.Driver) agent.Inventory {
	inventory := agent.Discover(ctx, drivers)
	if cfg.Agent.TopologyAttributes {
		inventory.AddTopology(bus, cfg.Agent.TopologyTraits)
	}
	return inventory
}
