package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/arqd/arqd/bench/fleet"
	"github.com/arqd/arqd/http/openstack"
)

// fleetFlags are the command line of arqd bench agents.
type fleetFlags struct {
	flags   *flag.FlagSet
	options fleet.Options
	plan    fleet.Plan

	hosts                      int
	tokenFile, certDir, cacert string
	insecure, makeTokens       bool
	json                       string
	quiet                      bool
}

func newFleetFlags(stderr io.Writer) *fleetFlags {
	b := &fleetFlags{flags: flag.NewFlagSet("arqd bench agents", flag.ContinueOnError)}
	f, o := b.flags, &b.options
	f.SetOutput(stderr)
	f.StringVar(&o.URL, "url", "https://127.0.0.1:6668", "`URL` of the listener for agents")
	f.StringVar(&b.tokenFile, "token-file", "", "`FILE` with a line per host, its name and token; [agents] token_file of the service")
	f.StringVar(&b.certDir, "cert-dir", "", "`DIR` with HOST.pem and HOST.key for each host")
	f.StringVar(&b.cacert, "cacert", "", "`FILE` with the authorities to trust; default: the system's")
	f.BoolVar(&b.insecure, "insecure", false, "believe any certificate of the service")
	f.BoolVar(&b.makeTokens, "make-tokens", false, "print such a file for --hosts hosts, and do nothing else")
	f.IntVar(&b.hosts, "hosts", 1000, "agents; no more than there are tokens or certificates")
	f.IntVar(&o.Devices, "devices", 8, "devices of a host")
	f.IntVar(&o.Handles, "handles", 1, "attach handles of a device")
	f.DurationVar(&o.Ramp, "ramp", 10*time.Second, "time in which they come")
	f.DurationVar(&b.plan.Duration, "duration", time.Minute, "of the steady time, when all are there")
	f.IntVar(&b.plan.Outages, "outages", 0, "wait afterwards until the service was away so often, and all were back")
	f.DurationVar(&b.plan.Patience, "patience", 5*time.Minute, "with agents that do not come, and with outages")
	f.IntVar(&b.plan.ServerPID, "server-pid", 0, "measure what this process uses")
	f.StringVar(&b.json, "json", "", "keep the results in `FILE`")
	f.BoolVar(&b.quiet, "quiet", false, "no progress")
	return b
}

// benchAgents measures a service with the agents of many hosts.
func benchAgents(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	b := newFleetFlags(stderr)
	if err := b.flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	if b.flags.NArg() > 0 || b.hosts < 1 || b.options.Devices < 1 || b.options.Handles < 1 {
		return errors.New("bench agents takes no arguments besides its flags, and at least one host, device and handle")
	}
	if b.makeTokens {
		return printTokens(stdout, b.hosts)
	}
	if err := b.identify(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if !b.quiet {
		b.plan.Say = func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) }
	}
	result, failed := fleet.Measure(ctx, b.options, b.plan)
	if result == nil {
		return failed
	}
	if err := result.Print(stdout); err != nil {
		return err
	}
	if b.json != "" {
		text, err := json.MarshalIndent(result, "", "  ")
		if err != nil {
			return err
		}
		failed = errors.Join(failed, os.WriteFile(b.json, append(text, '\n'), 0o600))
	}
	return failed
}

// identify finds out as which hosts to come.
func (b *fleetFlags) identify() (err error) {
	connection := openstack.Connection{CAFile: b.cacert, Insecure: b.insecure}
	if b.options.TLS, err = connection.TLS(); err != nil {
		return err
	}
	switch {
	case b.tokenFile != "" && b.certDir == "":
		b.options.Hosts, err = tokenHosts(b.tokenFile)
	case b.certDir != "" && b.tokenFile == "":
		b.options.Hosts, err = certificateHosts(b.certDir)
	default:
		return errors.New("either --token-file or --cert-dir says as which hosts to come")
	}
	if err == nil && len(b.options.Hosts) < b.hosts {
		err = fmt.Errorf("there are %d hosts, and --hosts asks for %d", len(b.options.Hosts), b.hosts)
	}
	if err != nil {
		return err
	}
	b.options.Hosts = b.options.Hosts[:b.hosts]
	return nil
}

// printTokens makes a file of tokens up.
func printTokens(w io.Writer, n int) error {
	var text bytes.Buffer
	for i := range n {
		fmt.Fprintf(&text, "arqd-bench-%04d %s\n", i+1, rand.Text())
	}
	_, err := w.Write(text.Bytes())
	return err
}

func tokenHosts(file string) (all []fleet.Identity, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) >= 2 {
			all = append(all, fleet.Identity{Host: fields[0], Token: fields[1]})
		}
	}
	return all, nil
}

func certificateHosts(dir string) (all []fleet.Identity, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.pem"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		base := strings.TrimSuffix(file, ".pem")
		if _, err := os.Stat(base + ".key"); err != nil {
			continue // that of an authority
		}
		pair, err := tls.LoadX509KeyPair(file, base+".key")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, fleet.Identity{Host: filepath.Base(base), Certificate: &pair})
	}
	return all, nil
}
