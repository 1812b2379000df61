package test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/arqd/arqd/test/history"
)

const restLimit = 30 * time.Second

// settle waits until the service has come to rest, and reads everything. It
// begins again when the service ends meanwhile.
func (run *historyRun) settle() {
	run.t.Helper()
	deadline := time.Now().Add(restLimit)
	for {
		p := run.service.Load()
		err := run.rest(p)
		if err == nil {
			run.recorder.Ended()
			var now []history.Snapshot
			if now, err = run.look(p); err == nil {
				run.snapshots = now
				for n, c := range run.cells {
					c.know(now[n])
				}
				return
			}
		}
		if !p.running() {
			run.count("killed itself at a write")
			run.revive()
			deadline = time.Now().Add(restLimit)
		} else if time.Now().After(deadline) {
			run.t.Fatalf("epoch %d: not at rest within %v: %v\n%s", run.epoch, restLimit, err, p.log.tail())
		}
		pause(5 * time.Millisecond)
	}
}

// rest says why the service is not at rest; nil: nothing of what clients sent
// is under way any more, nor of what came of it.
func (run *historyRun) rest(p *process) error {
	// Connections are taken in their order: behind this one there is no other
	// that waits to be taken.
	last, err := dial(host(p.api))
	if err != nil {
		return err
	}
	_, err = last.roundTrip(http.MethodGet, "/", nil, nil)
	last.close()
	if err != nil {
		return err
	}
	m, err := p.scrape()
	if err != nil {
		return err
	}
	for _, zero := range [][]string{
		{"arqd_http_open_connections"},
		{"arqd_http_inflight_writes"},
		{"arqd_actors", "kind", "operation"},
		{"arqd_store_queue_depth"},
		{"arqd_attach_handles", "state", "releasing"},
		{"arqd_arqs", "state", "BindStarted"},
	} {
		if n := m.value(run.t, zero[0], zero[1:]...); n != 0 {
			return fmt.Errorf("%s: %v", zero, n)
		}
	}
	return nil
}

// look reads every cell, as part of the history.
func (run *historyRun) look(p *process) ([]history.Snapshot, error) {
	all := make([]history.Snapshot, len(run.cells))
	for n, c := range run.cells {
		client := &historyClient{run: run, cell: c, number: clientsPerCell}
		if !client.connected() || client.to != p {
			client.hangUp()
			return nil, fmt.Errorf("no connection with the service")
		}
		now, err := client.lookAround()
		client.hangUp()
		if err != nil {
			return nil, err
		}
		all[n] = now
	}
	return all, nil
}

func (c *historyClient) lookAround() (history.Snapshot, error) {
	now := history.Snapshot{Devices: map[string]history.Device{}}
	a, err := c.read(history.Request{Kind: history.List})
	if err != nil {
		return now, err
	}
	now.ARQs = a.ARQs
	for _, name := range c.cell.instances {
		if _, err := c.read(history.Request{Kind: history.ListOfInstance, Instance: name}); err != nil {
			return now, err
		}
	}
	for _, name := range c.cell.devices {
		status, err := c.read(history.Request{Kind: history.ShowDevice, Device: name})
		if err != nil {
			return now, err
		}
		image, err := c.read(history.Request{Kind: history.ShowImage, Device: name})
		if err != nil {
			return now, err
		}
		now.Devices[name] = history.Device{Enabled: status.Enabled, Image: image.Image}
	}
	return now, nil
}

// read sends a request that must be answered by a service that runs.
func (c *historyClient) read(r history.Request) (history.Answer, error) {
	method, path, body := c.run.translator.wording(&r)
	o := c.run.recorder.Call(c.cell.number, c.number, r)
	got, err := c.wire.roundTrip(method, resourcesBase+path, c.run.translator.header(&r, ""), body)
	if err != nil {
		return history.Answer{}, err
	}
	a, err := c.run.translator.meaning(&r, c.cell, got)
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", r.Kind, a.Status, got.body)
	}
	c.run.recorder.Return(o, a)
	return a, err
}
