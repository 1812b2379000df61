package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/arqd/arqd/bench/rest"
	"github.com/arqd/arqd/bench/scenario"
)

// benchFlags are the command line of a run.
type benchFlags struct {
	flags   *flag.FlagSet
	stderr  io.Writer
	options scenario.Options

	url, label, version string
	timeout             time.Duration
	auth                string
	headers             []rest.Header
	insecure            bool
	cacert              string
	listen              string
	json, html          string
	quiet               bool
}

func newBenchFlags(name string, stderr io.Writer) *benchFlags {
	b := &benchFlags{flags: flag.NewFlagSet("arqd bench "+name, flag.ContinueOnError), stderr: stderr}
	b.options.Name = name
	b.flags.SetOutput(stderr)
	b.target()
	if name != "clean" {
		b.load()
		b.contents()
		b.results()
	}
	return b
}

func (b *benchFlags) target() {
	f := b.flags
	f.StringVar(&b.url, "url", "", "`URL` of the API; default: http://127.0.0.1:6666/v2, with Keystone the endpoint of its catalog")
	f.StringVar(&b.version, "api-version", "", "microversion to ask for; default: none, as Nova")
	f.DurationVar(&b.timeout, "timeout", time.Minute, "of a request")
	f.StringVar(&b.auth, "auth", "none", "none, headers (an administrator's, or those of --header) or keystone (from OS_* in the environment)")
	f.Func("header", "`NAME=VALUE` of a header for every request; may be repeated", func(text string) error {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return errors.New("NAME=VALUE is wanted")
		}
		b.headers = append(b.headers, rest.Header{Name: name, Value: value})
		return nil
	})
	f.BoolVar(&b.insecure, "insecure", false, "believe any certificate of the API")
	f.StringVar(&b.cacert, "cacert", "", "`FILE` with the authorities to trust; default: OS_CACERT, or the system's")
}

func (b *benchFlags) load() {
	f, o := b.flags, &b.options
	f.Int64Var(&o.Count, "count", 0, "iterations of each repetition; 0: as many as --duration allows")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "of each repetition; 0: until --count")
	f.DurationVar(&o.Warmup, "warmup", 2*time.Second, "load before the first repetition that is not measured")
	f.IntVar(&o.Repeat, "repeat", 3, "repetitions, of which medians are shown")
	f.IntVar(&o.Concurrency, "concurrency", 64, "the most calls at a time")
	f.Float64Var(&o.Rate, "rate", 0, "iterations a second, whether or not the service keeps up; 0: each as the one before is over")
	f.DurationVar(&o.Ramp, "ramp", 0, "time in which the rate rises from nothing")
	f.DurationVar(&o.BindTime, "bind-time", time.Minute, "for a bind to come to its end")
	f.StringVar(&b.listen, "listen", "", "take events of binds at `HOST:PORT` and wait for them; default: ask for the state")
	f.Uint64Var(&o.Seed, "seed", 0, "of what is left to chance; 0: another one each time")
}

func (b *benchFlags) contents() {
	f, o := b.flags, &b.options
	f.IntVar(&o.ARQs, "arqs", 1, "ARQs of a create, and of an instance")
	f.IntVar(&o.Stored, "stored", 1000, "read, mixed: ARQs to have; fill: ARQs to come to")
	f.IntVar(&o.Page, "page", 1000, "ARQs of a page")
	f.StringVar(&o.Class, "class", "FPGA", "resource class of the devices")
	f.StringVar(&o.Host, "host", "", "bind to the devices of this `HOST` alone")
	f.Func("trait", "`TRAIT` that is required; may be repeated", func(t string) error {
		o.Traits = append(o.Traits, t)
		return nil
	})
	f.Func("mix", "`KIND=SHARE,...` of boot, create, instance, page, show", func(text string) error {
		o.Mix = map[string]float64{}
		for pair := range strings.SplitSeq(text, ",") {
			kind, share, _ := strings.Cut(pair, "=")
			v, err := strconv.ParseFloat(share, 64)
			if err != nil {
				return fmt.Errorf("KIND=SHARE,... is wanted, not %q", pair)
			}
			o.Mix[kind] = v
		}
		return nil
	})
}

func (b *benchFlags) results() {
	f, o := b.flags, &b.options
	f.IntVar(&o.ServerPID, "server-pid", 0, "measure the processor time and the memory of this process, too")
	f.StringVar(&b.label, "label", "", "`NAME` of this run in comparisons; default: the URL")
	f.StringVar(&b.json, "json", "", "keep the results in `FILE`")
	f.StringVar(&b.html, "html", "", "write a page to `FILE`")
	f.BoolVar(&b.quiet, "quiet", false, "no progress")
	f.BoolVar(&o.Keep, "keep", false, "do not remove what was made")
	f.DurationVar(&o.CleanupLimit, "cleanup-limit", 10*time.Minute, "for removing what was made")
}

func (b *benchFlags) parse(args []string) error {
	if err := b.flags.Parse(args[1:]); err != nil {
		return errors.Join(errUsage, err)
	}
	if b.flags.NArg() > 0 {
		return fmt.Errorf("bench %s takes no arguments besides its flags: %q", args[0], b.flags.Args())
	}
	if args[0] == "clean" {
		b.options.Concurrency = 1
		return nil
	}
	if !b.quiet {
		b.options.Progress = &scenario.Progress{W: b.stderr, Columns: columns(b.stderr)}
	}
	if b.options.Seed == 0 {
		b.options.Seed = rand.Uint64()
	}
	return b.options.Check()
}
