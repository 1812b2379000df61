package bench

import (
	"bytes"
	"encoding/json"
	"net"

	"github.com/valyala/fasthttp"
)

// echoQuestion says how long the bodies of the echo are.
type echoQuestion struct {
	Show   int // answered to a GET, with 200
	Create int // answered to a POST, with 201
}

type echoAnswer struct{ Addr string }

// echo is the floor of HTTP: fasthttp, with no router, that answers the same
// bytes to everybody. It serves until its input ends.
func echo(ask *json.Decoder, answer *json.Encoder) error {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	return serveQuestions(ask, answer, func(q echoQuestion) (echoAnswer, error) {
		server := fasthttp.Server{Handler: echoHandler(q), NoDefaultServerHeader: true}
		go func() { _ = server.Serve(ln) }() // ends with the process
		return echoAnswer{ln.Addr().String()}, nil
	})
}

func echoHandler(q echoQuestion) fasthttp.RequestHandler {
	show, create := bytes.Repeat([]byte("s"), q.Show), bytes.Repeat([]byte("c"), q.Create)
	return func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		if ctx.IsPost() {
			ctx.SetStatusCode(fasthttp.StatusCreated)
			ctx.SetBody(create)
			return
		}
		ctx.SetBody(show)
	}
}
