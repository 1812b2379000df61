package agents

import (
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/arqd/arqd/devices/protocol"
)

func awaitCommands(c *call) (any, error) {
	args := c.ctx.QueryArgs()
	session, err := uuid.ParseBytes(args.Peek(protocol.ParamSession))
	if err != nil {
		return nil, invalid(protocol.ParamSession + " is no uuid")
	}
	after, wait := uint64(0), protocol.Wait
	if text := string(args.Peek(protocol.ParamAfter)); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return nil, invalid(protocol.ParamAfter + " is no number")
		}
	}
	if text := string(args.Peek(protocol.ParamWait)); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds >= 0 && seconds <= protocol.MaxWait.Seconds()) {
			return nil, invalid(fmt.Sprintf("%s is from 0 to %v seconds", protocol.ParamWait, protocol.MaxWait.Seconds()))
		}
		wait = time.Duration(seconds * float64(time.Second))
	}
	commands, err := c.backend.AwaitCommands(c.drained, c.host, session, after, wait)
	if err != nil {
		return nil, err
	}
	if len(commands) == 0 {
		c.ctx.SetStatusCode(fasthttp.StatusNoContent)
		return nil, nil //nolint:nilnil // an empty answer is one
	}
	return &protocol.Commands{Commands: commands}, nil
}

func commandResult(c *call) (any, error) {
	text, _ := c.ctx.UserValue("id").(string)
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, errNoPath
	}
	var body protocol.Result
	if err := c.body(&body); err != nil {
		return nil, err
	}
	return struct{}{}, c.backend.CommandResult(c.life, c.host, id, &body)
}
