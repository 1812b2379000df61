package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// withSignals gives a context that ends with SIGTERM or SIGINT, of which a second
// ends the process at once, and the SIGHUPs. They are taken until end: a SIGHUP
// that nobody takes ends the process, also while it starts or stops.
func withSignals(parent context.Context) (ctx context.Context, hangups <-chan os.Signal, end func()) {
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(parent, syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop)
	return ctx, hups, func() {
		stop()
		signal.Stop(hups)
	}
}

// onHangup does something at each SIGHUP, until ctx ends.
func onHangup(ctx context.Context, hangups <-chan os.Signal, do func()) {
	for {
		select {
		case <-hangups:
			do()
		case <-ctx.Done():
			return
		}
	}
}
