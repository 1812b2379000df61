package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/arqd/arqd/cmd/arqd/config"
	"github.com/arqd/arqd/devices/agent"
	"github.com/arqd/arqd/devices/sysfs"
)

const agentUsage = `usage:
  arqd agent discover [--config-file FILE]... [--root DIR] [--pci-ids FILE] [--timeout TIME] [--json]

discover prints what this host would report to the service, and what it would
not report and why. It changes nothing and needs no service. The exit code is 1
if a driver could not look.

  --config-file FILE   ini file to read; may be repeated, later ones win
  --root DIR           read DIR/sys in place of /sys
  --pci-ids FILE       names of PCI devices, in place of [agent] pci_ids
  --timeout TIME       report without the drivers that take longer (default 1m)
  --json               print one JSON object, devices as they are reported
`

var errDriverFailed = errors.New("not every driver could look at its devices")

func agentCommand(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "discover" {
		fmt.Fprint(stderr, agentUsage)
		return errUsage
	}
	flags := flag.NewFlagSet("arqd agent discover", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, agentUsage) }
	var files fileList
	flags.Var(&files, "config-file", "")
	root := flags.String("root", "/", "")
	pciIDs := flags.String("pci-ids", "", "")
	limit := flags.Duration("timeout", time.Minute, "")
	asJSON := flags.Bool("json", false, "")
	if err := flags.Parse(args[1:]); err != nil {
		return errors.Join(errUsage, err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("agent discover takes no arguments besides its flags: %q", flags.Args())
	}
	cfg, warnings, err := config.LoadAgent(files, environ)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Fprintf(stderr, "arqd: warning: %s\n", w)
	}
	if *pciIDs != "" {
		cfg.Agent.PCIIDs = *pciIDs
	}
	bus := sysfs.New(*root)
	drivers, err := newDrivers(cfg, bus)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	inventory := agent.Discover(ctx, drivers)
	if cfg.Agent.TopologyAttributes {
		inventory.AddTopology(bus, cfg.Agent.TopologyTraits)
	}
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
