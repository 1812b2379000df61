package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/agent/journal"
	"github.com/arqd/arqd/devices/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a driver whose commands end when the test says how.
type bench struct {
	devices.Driver
	mu    sync.Mutex
	begun []uuid.UUID
	ends  map[uuid.UUID]chan error
	less  bool // it knows no such command
}

func (b *bench) Name() string { return "bench" }

func (b *bench) Commands() []devices.CommandKind {
	if b.less {
		return nil
	}
	return []devices.CommandKind{devices.ProgramFPGA, devices.RemoveMdev, devices.SetVGPUType}
}

func (b *bench) end(id uuid.UUID) chan error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ends[id] == nil {
		b.ends[id] = make(chan error, 1)
	}
	return b.ends[id]
}

func (b *bench) Do(ctx context.Context, c devices.Command) error {
	b.mu.Lock()
	b.begun = append(b.begun, c.ID)
	b.mu.Unlock()
	select {
	case err := <-b.end(c.ID):
		if errors.Is(err, errOops) {
			panic(err)
		}
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", devices.ErrUnknownState, ctx.Err())
	}
}

var errOops = errors.New("oops")

// shop is an executor at work, and can be closed and opened again.
type shop struct {
	t      *testing.T
	dir    string
	driver *bench
	*Executor
	journal *journal.Journal
	stop    context.CancelFunc
	ran     chan error
}

func inBubble(t *testing.T, test func(*shop)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &shop{t: t, dir: dir}
		s.open()
		defer func() { s.stop(); <-s.ran }()
		test(s)
	})
}

func (s *shop) open() {
	s.t.Helper()
	j, err := journal.Open(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	s.journal, s.driver = j, &bench{ends: map[uuid.UUID]chan error{}}
	s.Executor = New(Options{Host: "h", Journal: j, Drivers: []devices.Driver{s.driver}, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(s.t.Context())
	s.stop, s.ran = stop, make(chan error, 1)
	go func() {
		err := s.Run(ctx)
		_ = j.Close() // the test may have done so
		s.ran <- err
	}()
	drivers := map[string]devices.Driver{}
	for _, path := range []string{"a", "b", "c", "d", "e"} {
		drivers[path] = s.driver
	}
	s.Know(drivers)
}

// crash is the end of the process at this moment: another one goes on with what is
// on disk now.
func (s *shop) crash() {
	s.t.Helper()
	next := s.t.TempDir()
	if err := os.CopyFS(next, os.DirFS(s.dir)); err != nil {
		s.t.Fatal(err)
	}
	s.stop()
	<-s.ran
	s.dir = next
	s.open()
}

func command(kind devices.CommandKind, path string) protocol.Command {
	return protocol.Command{ID: uuid.New(), Kind: kind, DeadlineS: 60, Device: devices.ControlPathID{Type: "PCI", Info: path}}
}

func (s *shop) take(all ...protocol.Command) {
	s.t.Helper()
	s.Take(all, time.Now())
	synctest.Wait()
}

func (s *shop) finish(c protocol.Command, err error) {
	s.t.Helper()
	s.driver.end(c.ID) <- err
	synctest.Wait()
}

func (s *shop) wantBegun(all ...protocol.Command) {
	s.t.Helper()
	var want []uuid.UUID
	for i := range all {
		want = append(want, all[i].ID)
	}
	s.driver.mu.Lock()
	defer s.driver.mu.Unlock()
	if !slices.Equal(s.driver.begun, want) {
		s.t.Errorf("begun: %v, want %v", s.driver.begun, want)
	}
}

// wantReports wants results to be reported, each as its code, or "done".
func (s *shop) wantReports(want ...string) {
	s.t.Helper()
	var got []string
	for _, r := range s.Reports() {
		word := r.Result.Code
		if word == "" {
			word = string(r.Result.State)
		}
		r.Result.Session = uuid.New()
		if err := r.Result.Validate(); err != nil {
			s.t.Errorf("%+v: %v", r, err)
		}
		got = append(got, word)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("reports %q, want %q", got, want)
	}
}

func TestInOrderAndSideBySide(t *testing.T) {
	inBubble(t, func(s *shop) {
		first, second := command(devices.CreateMdev, "a"), command(devices.RemoveMdev, "a")
		s.take(first, second)
		s.wantBegun(first)
		s.finish(first, nil)
		s.wantBegun(first, second)
		var others []protocol.Command
		for _, path := range []string{"b", "c", "d", "e"} {
			others = append(others, command(devices.CreateMdev, path))
		}
		s.take(others...)
		if n := len(s.driver.begun); n != 5 {
			t.Errorf("%d are begun, want the first and four at a time", n)
		}
		s.finish(second, errors.New("no\x00t today: "+strings.Repeat("ü", protocol.MaxMessage)))
		if n := len(s.driver.begun); n != 6 {
			t.Errorf("%d are begun, want all", n)
		}
		s.wantReports("done", protocol.ResultError)
		for _, c := range others {
			s.finish(c, nil)
		}
	})
}

// The same id is carried out once, whenever it comes.
func TestDuplicates(t *testing.T) {
	inBubble(t, func(s *shop) {
		c, waiting := command(devices.ProgramFPGA, "a"), command(devices.ProgramFPGA, "a")
		s.take(c, waiting, waiting, c)
		s.wantBegun(c)
		s.finish(c, nil)
		s.wantReports("done")
		s.Acknowledged(c.ID)
		s.wantReports()
		s.take(c)
		s.wantBegun(c, waiting)
		s.wantReports("done")
		s.finish(waiting, errOops)
		s.wantReports("done", protocol.ResultUnknown) // a driver that panics knows nothing
		s.stop()
		<-s.ran
		s.open()
		s.take(c, waiting)
		s.wantBegun()
		s.wantReports("done", protocol.ResultUnknown) // a driver that panics knows nothing
	})
}

func TestWhatIsNotBegun(t *testing.T) {
	inBubble(t, func(s *shop) {
		running, late := command(devices.ProgramFPGA, "a"), command(devices.ProgramFPGA, "a")
		s.take(running, late)
		<-time.After(61 * time.Second)
		s.finish(running, nil)
		s.wantBegun(running)
		s.wantReports("done", protocol.ResultExpired)
		nowhere, odd := command(devices.ProgramFPGA, "z"), command("make_coffee", "b")
		s.take(nowhere)
		s.take(odd)
		s.finish(odd, devices.ErrUnsupported)
		s.wantReports("done", protocol.ResultExpired, protocol.ResultNoDevice, protocol.ResultUnsupported)
		// What a device that is gone has left is taken back all the same.
		remains := command(devices.RemoveMdev, "z")
		s.take(remains)
		s.wantBegun(running, odd, remains)
		s.finish(remains, nil)
	})
}

// What a driver has made that is not enabled any more is taken back, also where
// another one has the function now; nothing is made there.
func TestWhatADriverHasMadeThatIsNotEnabled(t *testing.T) {
	inBubble(t, func(s *shop) {
		retired := &bench{ends: map[uuid.UUID]chan error{}}
		enabled := s.driver
		enabled.less = true
		s.opt.Retired = []devices.Driver{retired}
		s.driver = retired // whose commands are begun and finished from here on
		mdev, vgpu := command(devices.RemoveMdev, "a"), command(devices.SetVGPUType, "b")
		vgpu.Args.VGPUType = devices.NoVGPU
		s.take(mdev)
		s.take(vgpu)
		s.wantBegun(mdev, vgpu)
		s.finish(mdev, nil)
		s.finish(vgpu, nil)
		makes, loads := command(devices.SetVGPUType, "z"), command(devices.ProgramFPGA, "z")
		makes.Args.VGPUType = "1414"
		s.take(makes, loads)
		s.wantBegun(mdev, vgpu)
		s.wantReports("done", "done", protocol.ResultNoDevice, protocol.ResultNoDevice)
		if len(enabled.begun) > 0 {
			t.Errorf("%v were for a driver without such commands", enabled.begun)
		}
	})
}

func TestUndone(t *testing.T) {
	inBubble(t, func(s *shop) {
		undo := func(c protocol.Command) protocol.Command {
			u := command(devices.RemoveMdev, c.Device.Info)
			u.Undoes = &c.ID
			return u
		}
		running, waiting, coming := command(devices.CreateMdev, "a"), command(devices.CreateMdev, "a"), command(devices.CreateMdev, "b")
		first, second, third := undo(running), undo(waiting), undo(coming)
		s.take(running)
		s.take(waiting, first, second, third, coming)
		s.finish(running, nil)
		s.finish(first, nil)
		s.finish(second, nil)
		s.finish(third, nil)
		for _, c := range []protocol.Command{waiting, coming} {
			if slices.Contains(s.driver.begun, c.ID) {
				t.Errorf("%s was begun after it had been undone", c.ID)
			}
		}
		s.wantReports("done", protocol.ResultUndone, protocol.ResultUndone, "done", "done", "done")
		s.crash()
		s.take(coming)
		s.wantBegun()
	})
}

// Of a programming that was under way nobody knows; mediated devices are made and
// removed again, and types of vGPUs set, when it is wanted still, however late that is.
func TestACrash(t *testing.T) {
	inBubble(t, func(s *shop) {
		program, create, remove := command(devices.ProgramFPGA, "a"), command(devices.CreateMdev, "b"), command(devices.RemoveMdev, "c")
		set := command(devices.SetVGPUType, "d")
		s.take(program)
		s.take(create)
		s.take(remove)
		s.take(set)
		s.crash()
		s.wantBegun()
		s.wantReports(protocol.ResultUnknown)
		if all := s.Unfinished(); len(all) != 3 || all[0].Result.State != protocol.ResultRunning {
			t.Errorf("unfinished: %+v", all)
		}
		s.Acknowledged(remove.ID) // the service does not know it
		create.DeadlineS, set.DeadlineS = 0, 0
		s.take(create, program)
		s.take(set)
		s.wantBegun(create, set)
		if all := s.Unfinished(); len(all) != 0 {
			t.Errorf("unfinished: %+v", all)
		}
		s.finish(create, nil)
		s.finish(set, nil)
		s.wantReports(protocol.ResultUnknown, "done", "done")
		s.crash()
		s.wantReports(protocol.ResultUnknown, "done", "done")
	})
}

// What runs when the agent is to stop is finished; nothing else is begun.
func TestStopping(t *testing.T) {
	inBubble(t, func(s *shop) {
		running, waiting := command(devices.ProgramFPGA, "a"), command(devices.ProgramFPGA, "a")
		s.take(running, waiting)
		rested := make(chan struct{})
		go func() { defer close(rested); s.Rest(s.t.Context()) }()
		synctest.Wait()
		select {
		case <-rested:
			t.Error("it rests while something runs")
		default:
		}
		s.finish(running, nil)
		<-rested
		s.wantBegun(running)
		s.wantReports("done")
	})
	inBubble(t, func(s *shop) {
		program, create := command(devices.ProgramFPGA, "a"), command(devices.CreateMdev, "b")
		s.take(program, create)
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
		defer cancel()
		s.Rest(ctx)
		s.stop()
		<-s.ran
		s.open()
		s.wantReports(protocol.ResultUnknown)
		if all := s.Unfinished(); len(all) != 1 || all[0].ID != create.ID {
			t.Errorf("unfinished: %+v", all)
		}
	})
}

// Without a journal nothing is begun, and the agent ends.
func TestTheJournalFails(t *testing.T) {
	inBubble(t, func(s *shop) {
		_ = s.journal.Close()
		s.Take([]protocol.Command{command(devices.ProgramFPGA, "a")}, time.Now())
		if err := <-s.ran; err == nil {
			t.Error("it goes on")
		}
		s.wantBegun()
		s.ran <- nil
	})
}
