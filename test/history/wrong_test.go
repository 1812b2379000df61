package history_test

import (
	"testing"

	"github.com/arqd/arqd/test/history"
)

// Histories that arqd must never produce.
func TestWrongHistoriesAreRejected(t *testing.T) {
	reject(t, []play{
		{"a handle is given twice", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			s.do(bind("t2", "j", "b"), status(202))
			s.do(show("b"), sees(boundTo("b", "t2", "j", "h1")))
		}},
		{"a handle is given twice, and never seen twice at a time", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(bind("t2", "j", "b"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			s.do(unbind("a"), status(202))
			s.do(show("b"), sees(boundTo("b", "t2", "j", "h1")))
		}},
		{"there are more handles than there are", func(s *script) {
			s.do(bind("t1", "i", "a", "b"), status(202))
			s.do(bind("t2", "j", "c"), status(202))
		}},
		{"a third handle is seen on a device of two", func(s *script) {
			for _, h := range []string{"h1", "h2", "h3"} {
				s.do(bind("t"+h, "i", "a"), status(202))
				s.do(show("a"), sees(boundTo("a", "t"+h, "i", h)))
				s.do(unbind("a"), status(202))
			}
		}},
		{"a handle changes while its ARQ is bound", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h2")))
		}},
		{"a handle of one PATCH is given on by it", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			r := bind("t2", "j", "b")
			r.Items = append(r.Items, history.Item{ARQ: "a"})
			s.do(r, status(202))
			s.do(show("b"), sees(boundTo("b", "t2", "j", "h1")))
		}},
		{"no handle is free, though one is", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(bind("t2", "j", "b"), status(404))
		}},
		{"an acknowledged bind is lost", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(arq("a", "Initial")))
		}},
		{"an acknowledged bind is lost by a restart", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(history.Request{Kind: history.Restart}, status(0))
			s.do(show("a"), sees(arq("a", "Initial")))
		}},
		{"a device is held off although nothing was being loaded", func(s *script) {
			s.do(history.Request{Kind: history.Restart}, status(0))
			s.do(showDevice("d"), history.Answer{Status: 200})
		}},
		{"a device that is held off takes a bind as it is", func(s *script) {
			s.from(of("load", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(history.Request{Kind: history.Restart}, status(0))
			s.do(showDevice("d"), history.Answer{Status: 200})
			s.do(bind("t2", "j", "a"), status(202))
		}},
		{"what a reader saw is lost by a restart", func(s *script) {
			s.lost(bind("t1", "i", "a"))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			s.do(history.Request{Kind: history.Restart}, status(0))
			s.do(show("a"), sees(arq("a", "Initial")))
		}},
		{"half of a PATCH is done", func(s *script) {
			s.lost(bind("t1", "i", "a", "b"))
			s.do(list(), sees(boundTo("a", "t1", "i", "h1"), arq("b", "Initial"), arq("c", "Initial")))
		}},
		{"half of a PATCH is seen by one after the other", func(s *script) {
			s.during(2, bind("t1", "i", "a", "b"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			s.do(show("b"), sees(arq("b", "Initial")))
		}},
		{"half of a deletion is done", func(s *script) {
			s.lost(remove("a", "b"))
			s.do(list(), sees(arq("b", "Initial"), arq("c", "Initial")))
		}},
		{"half of a creation is done", func(s *script) {
			s.lost(history.Request{Kind: history.Create, Profile: "two", Token: "t1"})
			s.do(list(), sees(arq("a", "Initial"), arq("b", "Initial"), arq("c", "Initial"),
				history.ARQ{UUID: "x", State: "Initial", Profile: "two", Owner: "t1"}))
		}},
		{"a read is stale", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			s.do(unbind("a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
		}},
		{"a list is stale", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(listOf("i"), sees())
		}},
		{"a refused bind changed something", func(s *script) {
			s.do(enable("d", false), status(204))
			s.do(bind("t1", "i", "a"), status(409))
			s.do(show("a"), sees(in("BindFailed", boundTo("a", "start", "i", ""))))
		}},
		{"a refused bind did its unbinds", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(enable("d", false), status(204))
			r := bind("t2", "j", "b")
			r.Items = append(r.Items, history.Item{ARQ: "a"})
			s.do(r, status(409))
			s.do(show("a"), sees(arq("a", "Unbound")))
		}},
		{"a bind without a free handle did its unbinds", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			r := bind("t2", "j", "b", "c")
			r.Items = append(r.Items, history.Item{ARQ: "a"})
			s.do(r, status(404))
			s.do(listOf("i"), sees())
		}},
		{"a bind is refused for no reason", func(s *script) {
			s.do(bind("t1", "i", "a"), status(409))
		}},
		{"a disabled device takes a bind", func(s *script) {
			s.do(enable("d", false), status(204))
			s.do(bind("t1", "i", "a"), status(202))
		}},
		{"an instance takes more", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(bind("t2", "i", "b"), status(202))
		}},
		{"a bound ARQ is bound again", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(bind("t2", "j", "a"), status(202))
		}},
		{"a deleted ARQ comes back", func(s *script) {
			s.do(remove("a"), status(204))
			s.do(show("a"), status(404))
			s.do(show("a"), sees(arq("a", "Initial")))
		}},
		{"a deleted ARQ is bound", func(s *script) {
			s.do(remove("a"), status(204))
			s.do(bind("t1", "i", "a"), status(202))
		}},
		{"a deletion by instance takes what has left the instance", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.during(2, removeOf("i"), status(204))
			s.do(unbind("a"), status(202))
			s.do(show("a"), status(404))
		}},
		{"a deletion by instance leaves something", func(s *script) {
			s.do(bind("t1", "i", "a", "b"), status(202))
			s.do(removeOf("i"), status(204))
			s.do(show("b"), sees(boundTo("b", "t1", "i", "h1")))
		}},
		{"what is not resolved is listed as if it were", func(s *script) {
			s.from(of("load", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(show("x"), sees(of("load", in("BindStarted", boundTo("x", "t1", "i", "")))))
			s.do(resolved("i"), sees())
			s.do(show("x"), sees(of("load", in("BindStarted", boundTo("x", "t1", "i", "")))))
		}},
		{"a bind that needs no preparation is started", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(in("BindStarted", boundTo("a", "t1", "i", ""))))
		}},
		{"a bind shows its handle before it is bound", func(s *script) {
			s.from(of("load", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			early := of("load", boundTo("x", "t1", "i", "h1"))
			early.State = "BindStarted"
			s.do(show("x"), sees(early))
		}},
		{"a bind succeeds with an image that cannot be loaded", func(s *script) {
			s.from(of("bad", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(show("x"), sees(of("bad", boundTo("x", "t1", "i", "h1"))))
		}},
		{"two images on one device", func(s *script) {
			s.from(of("load", arq("x", "Initial")), of("bad", arq("y", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(bind("t2", "j", "y"), status(202))
		}},
		{"a preparation fails on a device that never does", func(s *script) {
			s.from(of("load", arq("x", "Initial")))
			s.do(bind("t1", "i", "x"), status(202))
			s.do(show("x"), sees(of("load", in("BindFailed", boundTo("x", "t1", "i", "")))))
		}},
		{"an ARQ that nobody made", func(s *script) {
			s.do(list(), sees(arq("a", "Initial"), arq("b", "Initial"), arq("c", "Initial"), arq("x", "Initial")))
		}},
		{"a creation makes too few", func(s *script) { s.create("t1", "two", "x") }},
		{"an ARQ changes its profile", func(s *script) {
			s.do(show("a"), sees(of("two", arq("a", "Initial"))))
		}},
		{"a state that nothing leads to", func(s *script) {
			s.do(show("a"), sees(in("UnbindFailed", arq("a", ""))))
		}},
		{"a handle of another device", func(s *script) {
			s.do(bind("t1", "i", "a"), status(202))
			s.do(show("a"), sees(boundTo("a", "t1", "i", "h1")))
			r := bind("t2", "j", "b")
			r.Items[0].Device = "e"
			s.do(unbind("a"), status(202))
			s.do(r, status(202))
			there := boundTo("b", "t2", "j", "h1")
			there.Device = "e"
			s.do(show("b"), sees(there))
		}},
		{"another host gets the handle", func(s *script) {
			r := bind("t1", "i", "a")
			r.Items[0].Host = "e"
			s.do(r, status(202))
		}},
		{"an answer that there is none of", func(s *script) { s.do(show("a"), status(418)) }},
	})
}
