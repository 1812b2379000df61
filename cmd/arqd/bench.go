package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/arqd/arqd/bench/events"
	"github.com/arqd/arqd/bench/report"
	"github.com/arqd/arqd/bench/rest"
	"github.com/arqd/arqd/bench/scenario"
)

const benchUsage = `usage:
  arqd bench SCENARIO [flags]               load a service and measure it
  arqd bench agents [flags]                 the agents of many hosts: what they cost, and how they come back
  arqd bench report A.json [B.json]... [--html FILE]
                                            show results, several side by side
  arqd bench clean [flags]                  remove what killed runs have left

Scenarios; each works on any implementation of the accelerator API v2:
  create   creates in bulk, --arqs each
  boot     the calls of Nova in the life of an instance: profile, create, bind, show, delete
  storm    the same at --rate, which rises during --ramp
  read     one ARQ, those of an instance, pages, whole lists: each by itself
  mixed    all of these together, by --mix
  fill     create and read, then creates up to --stored ARQs, then create and read again
  overload creates as fast as they are done, then 0.7, 1, 2 and 3 times as many, with some reads

`

// errStopped: the figures are not those of the whole run.
var errStopped = errors.New("interrupted")

// errBarren: the figures are of nothing.
var errBarren = errors.New("there is not one good call")

// errLeft: something of ours is still there.
var errLeft = errors.New("not everything was cleaned up")

func benchCommand(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, benchUsage)
		return errUsage
	}
	switch args[0] {
	case "agents":
		return benchAgents(ctx, args[1:], stdout, stderr)
	case "report":
		return benchReport(args[1:], stdout, stderr)
	case "help", "-h", "--help":
		_, err := fmt.Fprint(stdout, benchUsage)
		return err
	}
	b := newBenchFlags(args[0], stderr)
	if err := b.parse(args); err != nil {
		return err
	}
	for _, path := range []string{b.json, b.html} {
		if path != "" {
			if err := report.Writable(path); err != nil {
				return err // now, and not after all has been measured
			}
		}
	}
	ctx, stop := stopped(ctx)
	defer stop()
	auth, err := b.authenticate(ctx, environ)
	if err != nil {
		return err
	}
	defer auth.close()
	b.options.Client, err = rest.New(rest.Options{
		URL: auth.url, Version: b.version, Auth: auth, TLS: auth.tls, Timeout: b.timeout, Connections: b.options.Connections() + spareConnections,
	})
	if err != nil {
		return err
	}
	defer b.options.Client.Close()
	if args[0] == "clean" {
		return benchClean(ctx, b, stdout)
	}
	return b.run(ctx, auth.url, stdout)
}

// stopped gives a context that ends when the run is to stop. A second signal ends
// the process at once. That nobody reads what is said, as behind `| head`, is no
// reason to leave everything as it is.
func stopped(ctx context.Context) (context.Context, context.CancelFunc) {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // of nohup
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// spareConnections are for cleaning up, beside the load's own.
const spareConnections = 32

func benchClean(ctx context.Context, b *benchFlags, stdout io.Writer) error {
	done, err := scenario.Clean(ctx, b.options.Client)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "removed %d ARQs and %d device profiles\n", done.DeletedARQs, done.DeletedProfiles)
	if !done.Complete() {
		return fmt.Errorf("%w: %d ARQs and the device profiles %q are left: %q", errLeft, done.LeftARQs, done.LeftProfiles, done.Errors)
	}
	return nil
}

// run carries out a scenario and shows what it measured.
func (b *benchFlags) run(ctx context.Context, url string, stdout io.Writer) (err error) {
	if b.listen != "" {
		if b.options.Events, err = events.Listen(ctx, b.listen); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.options.Events.Close()) }() //nolint:contextcheck // it ends although ctx has
		fmt.Fprintf(b.stderr, "events are taken at %s: [nova] endpoint_override of the service\n", b.options.Events.URL())
	}
	file, failed := scenario.Run(ctx, &b.options, b.auth)
	if file == nil {
		return failed
	}
	file.URL, file.Version, file.Label = url, version, b.label
	if file.Label == "" {
		file.Label = url
	}
	failed = errors.Join(failed, file.Print(stdout, width(stdout)))
	for path, write := range map[string]func(string) error{
		b.json: file.Write,
		b.html: func(path string) error { return report.WriteHTML(path, []*report.File{file}) },
	} {
		if path != "" {
			failed = errors.Join(failed, write(path))
		}
	}
	if phase := file.Barren(); phase != "" {
		failed = errors.Join(failed, fmt.Errorf("%w: %s", errBarren, phase))
	}
	if file.Interrupted {
		failed = errors.Join(failed, errStopped)
	}
	if !file.Cleanup.Complete() {
		failed = errors.Join(failed, errLeft)
	}
	return failed
}

// benchReport shows results of earlier runs.
func benchReport(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("arqd bench report", flag.ContinueOnError)
	flags.SetOutput(stderr)
	html := flags.String("html", "", "write a page to `FILE`")
	names, err := parseMixed(flags, args)
	if err != nil {
		return errors.Join(errUsage, err)
	}
	if len(names) == 0 {
		fmt.Fprint(stderr, benchUsage)
		return errUsage
	}
	files, err := report.ReadAll(names...)
	if err != nil {
		return err
	}
	if len(files) == 1 {
		err = files[0].Print(stdout, width(stdout))
	} else {
		err = report.Compare(stdout, files, width(stdout))
	}
	if err == nil && *html != "" {
		err = report.WriteHTML(*html, files)
	}
	return err
}

// parseMixed takes flags before, between and behind the arguments.
func parseMixed(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
}
