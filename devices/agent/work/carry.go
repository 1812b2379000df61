package work

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// begin begins a command, or says why it is not.
func (e *Executor) begin(w *waiting) {
	c := &w.command
	fail := func(code, message string) {
		e.end(c, &protocol.Result{State: protocol.ResultFailed, Code: code, Message: message})
	}
	// What was begun before may have been done: it goes on, and is never late.
	begun := e.opt.Journal.Find(c.ID) != nil
	driver := e.driverOf(c)
	switch {
	case !begun && time.Now().After(w.until):
		fail(protocol.ResultExpired, "its time had passed before it was begun")
		return
	case driver == nil:
		fail(protocol.ResultNoDevice, "the host has no such device")
		return
	}
	if !begun {
		if err := e.opt.Journal.Begin(c); err != nil {
			e.check(err)
			return // it is sent again, to the next agent
		}
	}
	path := c.Device.Info
	e.busy[path] = c.ID
	e.opt.Log.Info("a command is begun", "command", c.ID, "kind", c.Kind, "device", path, "driver", driver.Name())
	go func() {
		began := time.Now()
		err := e.carryOut(driver, c)
		e.ask(func() { e.finish(c, err, time.Since(began)) })
	}()
}

// driverOf gives the driver of a command's device. What a device that went before
// this agent came has left, or a driver that is not enabled any more, is for whoever
// does such a thing.
func (e *Executor) driverOf(c *protocol.Command) devices.Driver {
	of := e.drivers[c.Device.Info]
	if !takesBack(c) || of != nil && slices.Contains(of.Commands(), c.Kind) {
		return of
	}
	for _, d := range slices.Concat(e.opt.Drivers, e.opt.Retired) {
		if slices.Contains(d.Commands(), c.Kind) {
			return d
		}
	}
	return of
}

// takesBack says whether a command takes back what was made for a guest; what is not
// there is taken back.
func takesBack(c *protocol.Command) bool {
	return c.Kind == devices.RemoveMdev || c.Kind == devices.SetVGPUType && c.Args.VGPUType == devices.NoVGPU
}

var errPanic = errors.New("a mistake in the driver")

func (e *Executor) carryOut(driver devices.Driver, c *protocol.Command) (err error) {
	ctx, cancel := context.WithTimeout(e.ctx, limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			e.opt.Log.Error("panic in a driver", "driver", driver.Name(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return driver.Do(ctx, c.For(e.opt.Host))
}

// finish takes note of what became of a command.
func (e *Executor) finish(c *protocol.Command, err error, took time.Duration) {
	delete(e.busy, c.Device.Info)
	log := e.opt.Log.With("command", c.ID, "kind", c.Kind, "device", c.Device.Info, "seconds", took.Seconds())
	r := &protocol.Result{State: protocol.ResultFailed}
	switch {
	case err == nil:
		log.Info("a command is done")
		r.State = protocol.ResultDone
	case e.ctx.Err() != nil && repeatable(c.Kind):
		log.Warn("a command was broken off; it can be repeated", "error", err)
		r = nil
	case errors.Is(err, devices.ErrUnknownState), errors.Is(err, errPanic) && !repeatable(c.Kind):
		r.Code, r.Message = protocol.ResultUnknown, plain(err.Error())
	case errors.Is(err, devices.ErrUnsupported):
		r.Code, r.Message = protocol.ResultUnsupported, plain(err.Error())
	default:
		r.Code, r.Message = protocol.ResultError, plain(err.Error())
	}
	if r != nil {
		if r.State == protocol.ResultFailed {
			log.Error("a command has failed", "code", r.Code, "error", err)
		}
		e.end(c, r)
	}
	e.pump()
	e.tellIdle()
	if e.opt.Done != nil {
		e.opt.Done()
	}
}

// end puts a result on disk, and has it reported.
func (e *Executor) end(c *protocol.Command, r *protocol.Result) {
	if c.ID == uuid.Nil {
		return
	}
	if err := e.opt.Journal.End(c, r); err != nil {
		e.check(err)
		return
	}
	e.tellNews()
}

// plain gives a text as a result may have it.
func plain(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "?")
	if len(s) > protocol.MaxMessage {
		s = strings.ToValidUTF8(s[:protocol.MaxMessage], "")
	}
	return s
}
