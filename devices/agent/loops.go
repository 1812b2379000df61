package agent

import (
	"context"
	"time"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/agent/work"
	"github.com/arqd/arqd/devices/protocol"
)

// beat says that the agent lives, as often as the service wants it. That a session
// was opened is the first sign.
func (s *session) beat(life context.Context) {
	var p pause
	told := chart{told: make(map[string]devices.Health)}
	s.health.keepPace(s.every)
	timer := time.NewTimer(s.every)
	defer timer.Stop()
	for {
		select {
		case <-life.Done():
			return
		case <-timer.C:
		}
		found := s.health.found.Load()
		body := &protocol.Heartbeat{Session: s.id, Digest: *s.taken.Load(), Health: told.news(s.scanner.newest.Load(), found)}
		reply, err := s.opt.Service.Beat(life, body)
		if err != nil {
			wait, goesOn := s.failed(life, &p, err)
			if !goesOn {
				return
			}
			timer.Reset(wait)
			continue
		}
		p.reset()
		s.contact.found()
		told.heard(found.round, body.Health)
		if reply.SendInventory {
			select {
			case s.wants <- struct{}{}:
			default:
			}
		}
		timer.Reset(s.every)
	}
}

// fetch fetches commands until ctx ends. It waits for the first look at the
// hardware, which says whose they are.
func (s *session) fetch(ctx context.Context) {
	select {
	case <-s.scanner.ready:
	case <-ctx.Done():
		return
	}
	var p pause
	after := uint64(0)
	for ctx.Err() == nil {
		began := time.Now()
		commands, err := s.opt.Service.Commands(ctx, s.id, after, protocol.Wait)
		if err != nil {
			wait, goesOn := s.failed(ctx, &p, err)
			if !goesOn {
				return
			}
			sleep(ctx, wait)
			continue
		}
		p.reset()
		s.contact.found()
		for i := range commands {
			after = max(after, commands[i].N)
		}
		if len(commands) > 0 {
			s.executor.Take(commands, time.Now())
		} else if time.Since(began) < time.Second { // it does not wait
			sleep(ctx, time.Second)
		}
	}
}

// deliver tells the service what became of commands, again and again until it has
// acknowledged.
func (s *session) deliver(life context.Context) {
	var p pause
	wait := time.Duration(0)
	timer := time.NewTimer(0)
	defer timer.Stop()
	asked := false
	for {
		select {
		case <-life.Done():
			return
		case <-s.executor.News():
			if wait > 0 {
				continue // the next try tells it, too
			}
		case <-timer.C:
		}
		reports := s.executor.Reports()
		if !asked {
			// Whether these are wanted still, only the service knows.
			reports = append(s.executor.Unfinished(), reports...)
		}
		err := s.tell(life, reports)
		if err == nil {
			asked, wait = true, 0
			p.reset()
			continue
		}
		var goesOn bool
		if wait, goesOn = s.failed(life, &p, err); !goesOn {
			return
		}
		timer.Reset(wait)
	}
}

// tell reports results. Its error is the first that is no answer to a result.
func (s *session) tell(life context.Context, reports []work.Report) error {
	var failed error
	for i := range reports {
		r := &reports[i]
		r.Result.Session = s.id
		err := s.opt.Service.Result(life, r.ID, &r.Result)
		switch code(err) {
		case protocol.CodeResultDiffers:
			s.opt.Log.Error("the service has another result of a command on record, which counts", "command", r.ID, "error", err)
			err = nil
		case protocol.CodeInvalid:
			s.opt.Log.Error("the service does not take the result of a command", "command", r.ID, "error", err)
			err = nil
		case protocol.CodeNotFound:
			s.executor.Acknowledged(r.ID)
			continue
		}
		switch {
		case err == nil && r.Result.Ends():
			s.executor.Acknowledged(r.ID)
		case err != nil && failed == nil:
			failed = err
		}
		if err != nil && code(err) == "" {
			return failed // it would not hear the others either
		}
	}
	return failed
}
