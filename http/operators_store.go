package http

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"
)

// Keeper hands out what the service has stored.
type Keeper interface {
	// Backup writes one consistent picture of the store to w, and stops when
	// ctx ends. What it writes shows by itself whether it is whole.
	Backup(ctx context.Context, w io.Writer) error
}

// BackupPath is where the operators' listener gives a backup.
const BackupPath = "/store/backup"

// backupPatience is how long the reader of a backup may take for a piece of it.
// While it is being read, the store cannot give up what it would else discard.
const backupPatience = 30 * time.Second

// backup streams the store. It holds all there is to know, and this listener
// asks for no token: so it goes to callers on this machine only, and to one at
// a time.
func (o *Operators) backup(ctx *fasthttp.RequestCtx) {
	if ctx.IsHead() {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, fasthttp.MethodGet)
		o.text(ctx, fasthttp.StatusMethodNotAllowed, "method not allowed\n")
		return
	}
	if !onThisMachine(ctx.RemoteIP(), ctx.LocalIP()) {
		o.text(ctx, fasthttp.StatusForbidden, "a backup is given to callers on this machine only\n")
		return
	}
	if !o.backingUp.CompareAndSwap(false, true) {
		o.text(ctx, fasthttp.StatusConflict, "another backup is under way\n")
		return
	}
	conn := ctx.Conn()
	ctx.SetContentType("application/octet-stream")
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		defer o.backingUp.Store(false)
		defer o.recoverStream()
		defer context.AfterFunc(o.life, func() { _ = conn.Close() })() // the reader may not read
		if err := o.keeper.Backup(o.life, &patient{o.life, conn, w}); err != nil {
			o.log.Warn("a backup was broken off", "error", err)
			_ = conn.Close() // else the answer would end as if it were whole
		}
	})
}

// onThisMachine tells whether a caller is on this machine: it comes from
// loopback, or, where the listener has an address of the network, from that
// address itself, which the kernel takes from nobody else.
func onThisMachine(remote, local net.IP) bool {
	return remote.IsLoopback() || !remote.IsUnspecified() && remote.Equal(local)
}

func (o *Operators) recoverStream() {
	if p := recover(); p != nil {
		o.log.Error("panic in a backup", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}

// patient renews the time that the peer has with each piece.
type patient struct {
	life context.Context //nolint:containedctx // of the service, which ends what is written
	conn net.Conn
	w    *bufio.Writer
}

// Write hands a piece to the connection.
func (p *patient) Write(piece []byte) (int, error) {
	n, err := p.write(piece)
	if err != nil {
		err = cmp.Or(p.life.Err(), err)
	}
	return n, err
}

func (p *patient) write(piece []byte) (int, error) {
	if err := p.conn.SetWriteDeadline(time.Now().Add(backupPatience)); err != nil {
		return 0, err
	}
	n, err := p.w.Write(piece)
	if err == nil {
		err = p.w.Flush()
	}
	return n, err
}
