package http

import (
	"io"
	"iter"
	"log/slog"
	"slices"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/actors"
	"github.com/arqd/arqd/http/auth"
)

func BenchmarkRenderARQ(b *testing.B) {
	arq, base := boundARQ(arq2), []byte("http://arqd.test")
	buffer := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buffer = appendARQ(buffer[:0], arq, base)
	}
	b.SetBytes(int64(len(buffer)))
}

// BenchmarkShowARQ is a GET of one ARQ without the network around it, beside
// the least that a handler can do.
func BenchmarkShowARQ(b *testing.B) {
	policy, err := auth.NewEnforcer(auth.SetNew, "")
	if err != nil {
		b.Fatal(err)
	}
	backend := &backendDouble{arqs: []*actors.ARQ{boundARQ(arq2)}}
	s := New(Options{QuietAccess: true, Log: slog.New(slog.DiscardHandler)}, backend, auth.None{}, policy, nil)
	for name, handler := range map[string]fasthttp.RequestHandler{
		"arqd": s.serve,
		"echo": func(ctx *fasthttp.RequestCtx) { ctx.SetBody(ctx.Path()) },
	} {
		b.Run(name, func(b *testing.B) {
			var ctx fasthttp.RequestCtx
			var request fasthttp.Request
			request.SetRequestURI("/v2/accelerator_requests/" + arq2.String())
			request.Header.SetHost("arqd.test")
			ctx.Init(&request, nil, nil)
			b.ReportAllocs()
			for b.Loop() {
				ctx.Response.Reset()
				handler(&ctx)
			}
			if ctx.Response.StatusCode() != 200 {
				b.Fatalf("status %d: %s", ctx.Response.StatusCode(), ctx.Response.Body())
			}
		})
	}
}

// BenchmarkStreamARQs renders lists: of ARQs that are bound, and of those that
// were made in bulk and differ in the uuid alone.
func BenchmarkStreamARQs(b *testing.B) {
	bound := manyARQs(16 << 20)
	alike := make([]*actors.ARQ, len(bound))
	for i, a := range bound {
		alike[i] = initialARQ(a.UUID)
		alike[i].Group = bound[0].Group
	}
	for name, all := range map[string][]*actors.ARQ{"bound": bound, "alike": alike} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s := newARQStream([]byte("http://arqd.test"))
				s.next, s.stop = iter.Pull(slices.Values(all))
				n, err := s.WriteTo(io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n)
				_ = s.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/arq")
		})
	}
}
