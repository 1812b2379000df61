package history_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/arqd/arqd/test/history"
)

// Histories that look odd and are right.
func TestRightHistoriesAreAccepted(t *testing.T) {
	accept(t, []play{
		{"nothing", func(*script) {}},
		{"a bind without an answer was done", func(s *script) {
			s.lost(bind("t1", "i", "a"))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
		}},
		{"a bind without an answer was not done", func(s *script) {
			s.lost(bind("t1", "i", "a"))
			s.do(show("a"), sees(arq("a", "Initial")))
		}},
		{"a bind without an answer is done late", func(s *script) {
			s.lost(bind("t1", "i", "a"))
			s.do(show("a"), sees(arq("a", "Initial")))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
		}},
		{"a bind without an answer found no free handle", func(s *script) {
			s.do(bind("t1", "i", "a", "b"), status(202))
			s.lost(bind("t2", "j", "c"))
			s.do(show("c"), sees(in("BindFailed", boundTo("c", "start", "j", ""))))
		}},
		{"a creation without an answer was done", func(s *script) {
			s.lost(history.Request{Kind: history.Create, Profile: "two", Token: "t1"})
			x := history.ARQ{UUID: "x", State: "Initial", Profile: "two", Owner: "t1"}
			y := history.ARQ{UUID: "y", State: "Initial", Profile: "two", Owner: "t1"}
			s.do(list(), sees(arq("a", "Initial"), arq("b", "Initial"), arq("c", "Initial"), x, y))
			s.do(remove("x"), status(204))
		}},
		{"a creation without an answer was not done", func(s *script) {
			s.lost(history.Request{Kind: history.Create, Profile: "two", Token: "t1"})
			s.do(list(), sees(arq("a", "Initial"), arq("b", "Initial"), arq("c", "Initial")))
		}},
		{"a failure of the server was done after all", func(s *script) {
			s.during(1000, bind("t1", "i", "a"), status(503))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
		}},
		{"of two that want the last two handles one gets them", func(s *script) {
			s.during(1, bind("t1", "i", "a", "b"), status(404))
			s.do(bind("t2", "j", "c"), status(202))
		}},
		{"a handle goes from one to the next", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			s.during(1, bind("t2", "j", "b"), status(202))
			s.do(unbind("a"), status(202))
			s.do(show("b"), sees(boundTo("b", "t2", "j", "h1")))
		}},
		{"a refusal is older than its answer", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.during(1, bind("t2", "i", "b"), status(409))
			s.do(removeOf("i"), status(204))
		}},
		{"the very same bind once more", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
		}},
		{"the very same bind with another handle later", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			s.do(unbind("a"), status(202))
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h2")))
		}},
		{"an evacuation in one PATCH", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			r := bind("t2", "i", "b")
			r.Items = append(r.Items, history.Item{ARQ: "a"})
			s.do(r, status(202))
			s.do(listOf("i"), sees(boundTo("b", "t2", "i", "h2")))
		}},
		{"a deletion by instance finds nothing", func(s *script) { s.do(removeOf("i"), status(204)) }},
		{"a deletion by instance overtakes an unbind", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.during(1, unbind("a"), status(404))
			s.do(removeOf("i"), status(204))
		}},
		{"a bind is prepared in its own time", func(s *script) {
			s.from(of("load", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(show("x"), sees(of("load", in("BindStarted", boundTo("x", "t1", "i", "")))))
			s.do(resolved("i"), status(423))
			s.do(history.Request{Kind: history.ShowImage, Device: "d"}, status(200))
			s.do(resolved("i"), sees(of("load", boundTo("x", "t1", "i", "h1"))))
			s.do(history.Request{Kind: history.ShowImage, Device: "d"}, history.Answer{Status: 200, Image: "image"})
		}},
		{"an image that is there needs no preparation", func(s *script) {
			s.trial.Start.Devices["d"] = history.Device{Enabled: true, Image: "image"}
			s.from(of("load", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(show("x"), sees(of("load", boundTo("x", "t1", "i", "h1"))))
			s.do(bind("t2", "j", "a"), status(202))
		}},
		{"a bind with a bad image fails", func(s *script) {
			s.from(of("bad", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(bind("t2", "j", "a"), status(409)) // while it is loaded
			s.do(show("x"), sees(of("bad", in("BindFailed", boundTo("x", "t1", "i", "")))))
			s.do(bind("t3", "j", "a"), status(202))
		}},
		{"a preparation fails on a device that sometimes does", func(s *script) {
			s.trial.Unreliable = true
			s.from(of("load", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(show("x"), sees(of("load", in("BindFailed", boundTo("x", "t1", "i", "")))))
		}},
		{"a restart fails a preparation", func(s *script) {
			s.from(of("load", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(history.Request{Kind: history.Restart}, status(0))
			s.do(show("x"), sees(of("load", in("BindStarted", boundTo("x", "t1", "i", "")))))
			s.do(show("x"), sees(of("load", in("BindFailed", boundTo("x", "t1", "i", "")))))
		}},
		{"a restart leaves a device of which nobody knows what is loaded", func(s *script) {
			s.from(of("load", arq("x", "Initial")), of("load", arq("y", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(history.Request{Kind: history.Restart}, status(0))
			s.do(bind("t2", "j", "a"), status(409))
			s.do(showDevice("d"), history.Answer{Status: 200})
			s.do(bind("t3", "j", "y"), status(202)) // loads it anew
			s.do(show("y"), sees(of("load", boundTo("y", "t3", "j", "h1"))))
			s.do(bind("t4", "k", "a"), status(202))
		}},
		{"who enables a device accepts what is loaded", func(s *script) {
			s.from(of("load", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(history.Request{Kind: history.Restart}, status(0))
			s.do(showDevice("d"), history.Answer{Status: 200})
			s.do(history.Request{Kind: history.SetDevice, Device: "d", Enable: true}, status(204))
			s.do(bind("t2", "j", "a"), status(202))
		}},
		{"a handle is not free while its device works on it", func(s *script) {
			s.from(of("load", arq("x", "Initial")), of("load", arq("y", "Initial")), of("load", arq("z", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(remove("x"), status(204))
			s.do(bind("t2", "j", "y", "z"), status(404))
			s.do(unbind("y", "z"), status(202))
			s.do(bind("t3", "j", "y", "z"), status(202))
		}},
		{"what an operation with a token showed, it had done", func(s *script) {
			s.lost(bind("t1", "i", "a"))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			for range 40 {
				s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			}
		}},
	})
}

// What is written down is read again as it was.
func TestJournal(t *testing.T) {
	s := newScript().from(arq("a", "Initial"))
	s.do(bind("t1", "i", "a"), status(202))
	s.do(show("a"), sees(arq("a", "Initial")))
	var file bytes.Buffer
	if err := history.Write(&file, &setting, []*history.Trial{&s.trial, {Epoch: 2}}); err != nil {
		t.Fatal(err)
	}
	read, trials, err := history.Read(&file)
	if err != nil || len(trials) != 2 {
		t.Fatalf("%d trials, %v", len(trials), err)
	}
	if v := history.Check(read, trials[0], 20*time.Second); v.Result != porcupine.Illegal {
		t.Errorf("the lost bind is %s after it was written down", v.Result)
	}
	if _, _, err := history.Read(bytes.NewBufferString("{}\n")); err == nil {
		t.Error("a line of nothing was read")
	}
}
