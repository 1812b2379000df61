// Command arqd is the accelerator-request service of a cloud, in one binary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices/agent"
)

// version is set by the linker.
var version = "dev"

func main() {
	uuid.EnableRandPool() // a system call for many ids, not for each
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

const usage = `arqd is an accelerator-request service: the accelerator API v2 for Nova and operators.

Usage:
  arqd serve [--config-file FILE]... [--print-config]   run the service
  arqd store verify|dump|backup|restore|repair ...      check, print, save, mend the store, or make one of a backup
  arqd policy list|show|check|sample ...                the rules in force, and who may do what
  arqd agent [--config-file FILE]...                    run the agent of a compute host
  arqd agent discover [--json] ...                      print what this host's devices are
  arqd bench SCENARIO|agents|report|clean ...           load a service, measure it, compare
  arqd version                                          print the version

With no configuration file, serve listens on 127.0.0.1:6666, keeps its state in
./arqd-state and has fake devices to try it with.
`

// run is main with everything it touches as a parameter. It gives the exit
// code: 0, 1 for a failure that was explained, 2 for a wrong command line, 3 for an
// agent whose place another one has taken.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	var err error
	switch args[0] {
	case "serve":
		err = serve(ctx, args[1:], environ, stdout, stderr)
	case "store":
		err = storeCommand(ctx, args[1:], environ, stdin, stdout, stderr)
	case "policy":
		err = policyCommand(args[1:], environ, stdout, stderr)
	case "agent":
		err = agentCommand(ctx, args[1:], environ, stdout, stderr)
	case "bench":
		err = benchCommand(ctx, args[1:], environ, stdout, stderr)
	case "version", "--version":
		_, err = fmt.Fprintf(stdout, "arqd %s (%s)\n", version, runtime.Version())
	case "help", "-h", "--help":
		_, err = fmt.Fprint(stdout, usage)
	default:
		fmt.Fprintf(stderr, "arqd: unknown command %q\n\n%s", args[0], usage)
		return 2
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintf(stderr, "arqd: %v\n", err)
	if errors.Is(err, agent.ErrReplaced) {
		return 3
	}
	return 1
}
