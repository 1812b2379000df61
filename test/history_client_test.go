package test

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/arqd/arqd/test/history"
)

// historyClient sends one request after the other, whatever becomes of them.
type historyClient struct {
	run    *historyRun
	cell   *cell
	number int
	rng    *rand.Rand
	wire   *wire
	to     *process // the other end of the wire
}

// work sends so many requests, or as many as go out before the end.
func (c *historyClient) work(requests int, end <-chan struct{}) {
	defer c.hangUp()
	for range requests {
		for !c.connected() {
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
		select {
		case <-end:
			return
		default:
			c.step()
		}
	}
}

// connected sees to a connection with the service as it now is.
func (c *historyClient) connected() bool {
	now := c.run.service.Load()
	if c.wire != nil && c.to == now {
		return true
	}
	c.hangUp()
	wire, err := dial(host(now.api))
	if err != nil {
		return false // it is between two processes
	}
	c.wire, c.to = wire, now
	return true
}

func (c *historyClient) hangUp() {
	if c.wire != nil {
		c.wire.close()
		c.wire = nil
	}
}

// step sends a request. Now and then it hangs up before the answer, or does
// not wait long for it.
func (c *historyClient) step() {
	r := c.cell.next(c.rng)
	var id string
	chance := c.rng.IntN(100)
	drop, hasty := chance < 2, chance < 10
	if hasty {
		id = "req-" + newUUID()
	}
	method, path, body := c.run.translator.wording(&r)
	o := c.run.recorder.Call(c.cell.number, c.number, r)
	c.wire.send(message(method, resourcesBase+path, host(c.to.api), c.run.translator.header(&r, id), body))
	if drop {
		c.run.count("dropped connection")
		pause(time.Duration(c.rng.Int64N(int64(3 * time.Millisecond))))
		c.giveUp(o, id)
		return
	}
	if hasty {
		_ = c.wire.conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	}
	got, err := c.wire.receive(method)
	if err != nil {
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			c.run.count("answer not waited for")
		}
		c.giveUp(o, id)
		return
	}
	meant, err := c.run.translator.meaning(&r, c.cell, got)
	if err != nil || got.status == http.StatusInternalServerError {
		c.run.complain("%s %s: status %d, %v: %s", method, path, got.status, err, got.body)
	}
	c.run.recorder.Return(o, meant)
	c.run.answered(&r, &meant)
	c.cell.learn(&r, &meant)
	if got.header.Get("Connection") == "close" {
		c.hangUp()
	}
}

// giveUp leaves a request without an answer. What was read of one that broke
// off is not looked at. That the service is done with it shows in its log, if
// it has an id, or when the service has ended or come to rest.
func (c *historyClient) giveUp(o *history.Operation, id string) {
	c.hangUp()
	c.run.answered(&o.Request, nil)
	if id != "" {
		c.to.log.onceHandled(id, func() { c.run.recorder.Handled(o) })
	}
}
