package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/arqd/arqd/cmd/arqd/config"
)

// errUsage marks a wrong command line; flag has explained it already.
var errUsage = errors.New("wrong usage")

// fileList is a flag that may be repeated.
type fileList []string

// String is part of flag.Value.
func (l *fileList) String() string { return fmt.Sprint([]string(*l)) }

// Set is part of flag.Value.
func (l *fileList) Set(file string) error {
	*l = append(*l, file)
	return nil
}

// serve runs the service until ctx ends or a signal asks it to stop.
func serve(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("arqd serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var files fileList
	flags.Var(&files, "config-file", "ini `file` to read; may be repeated, later ones win")
	printConfig := flags.Bool("print-config", false, "print the configuration in effect, and exit")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("serve takes no arguments: %q", flags.Args())
	}
	cfg, warnings, err := config.Load(files, environ)
	if err != nil {
		return err
	}
	output := &sharedWriter{output: stderr}
	log, level := newLogger(cfg, output)
	for _, w := range warnings {
		log.Warn("configuration", "where", w.Where, "text", w.Text)
	}
	if *printConfig {
		return cfg.Print(stdout)
	}

	ctx, hangups, release := withSignals(ctx)
	defer release()
	s := newService(cfg, log, output, len(files) == 0)
	if err := s.open(ctx); err != nil {
		stopped := s.close(context.WithoutCancel(ctx))
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			log.Info("stopped before it was ready")
			return stopped
		}
		return errors.Join(err, stopped)
	}
	go onHangup(ctx, hangups, func() { reload(files, environ, s, level) })
	select {
	case <-ctx.Done():
		log.Info("stopping: no new requests; those under way are answered first")
	case err = <-s.failed:
	}
	if err := errors.Join(err, s.close(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

func newLogger(cfg *config.Config, w io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	setLevel(level, cfg)
	return slog.New(newLogHandler(cfg, w, level)), level
}

// newLogHandler makes what writes lines of the format in effect.
func newLogHandler(cfg *config.Config, w io.Writer, level slog.Leveler) slog.Handler {
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Default.LogFormat == config.LogJSON {
		return slog.NewJSONHandler(w, opts)
	}
	return slog.NewTextHandler(w, opts)
}

func setLevel(level *slog.LevelVar, cfg *config.Config) {
	level.Set(slog.LevelInfo)
	if cfg.Default.Debug {
		level.Set(slog.LevelDebug)
	}
}

// reload reads the configuration again and takes over what can be changed while
// running.
func reload(files, environ []string, s *service, level *slog.LevelVar) {
	next, _, err := config.Load(files, environ)
	if err != nil {
		s.log.Error("the configuration was not reloaded", "error", err)
		return
	}
	setLevel(level, next)
	s.reloadCertificates(next)
	s.reloadTokens()
	for _, o := range s.cfg.Changed(next) {
		if !o.Reloadable {
			s.log.Warn("a changed option needs a restart", "section", o.Group, "option", o.Name)
		}
	}
	select {
	case s.lookNow <- struct{}{}:
	default:
	}
	s.log.Info("configuration reloaded")
}
