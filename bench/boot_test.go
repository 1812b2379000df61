package bench

import (
	"bytes"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/arqd/arqd/bench/rest"
)

// booter is a connection that boots instances: it looks the profile up, makes
// an ARQ, binds it, looks at it and deletes it. All requests are made before,
// so that the client has little to do meanwhile; only the ARQ is filled in.
type booter struct {
	profile, create []byte
	boots           []bootRequests
	at, step        int
	failed          func(boot int, body []byte)
}

type bootRequests struct {
	bind         []byte
	arq          int // where its uuid stands in bind
	show, delete []byte
}

// The statuses of a boot's answers, in order.
var bootStatuses = []int{200, 201, 202, 200, 204}

// boots is instances brought up and down by 64 connections; the sample counts
// boots. Each ends Bound, or the measurement does.
func (s *site) boots(tb testing.TB, n int) []Sample {
	tb.Helper()
	const connections = 64
	api := s.service.api
	host := []byte(api)
	booters := make([]*booter, connections)
	var unbound sync.Once
	for i := range booters {
		booters[i] = &booter{
			profile: request("GET", string(host), "/v2/device_profiles?name="+profileName, nil),
			create:  CreateARQs(api, profileName),
			failed: func(_ int, body []byte) {
				unbound.Do(func() { tb.Errorf("an instance that is not Bound: %.500s", body) })
			},
		}
	}
	for i := range n {
		to := bindingOf(i)
		bind := BindARQ(api, uuid.Nil, to)
		own := booters[i%connections]
		own.boots = append(own.boots, bootRequests{
			bind: bind, arq: bytes.Index(bind, []byte(uuid.Nil.String())),
			show:   request("GET", api, collection+"?instance="+to.Instance.String(), nil),
			delete: request("DELETE", api, collection+"?instance="+to.Instance.String(), nil),
		})
	}
	m := &meter{tb: tb, pid: s.service.pid}
	m.load(Load{Addr: api, Connections: connections, Next: func(c int, body []byte) ([]byte, int) { return booters[c].next(body) }})
	return []Sample{m.sample(n)}
}

// next gives the request after the answer to the one before.
func (o *booter) next(body []byte) (request []byte, status int) {
	if o.at == len(o.boots) {
		return nil, 0
	}
	boot, status := &o.boots[o.at], bootStatuses[o.step]
	o.step++
	switch o.step {
	case 1:
		return o.profile, status
	case 2:
		return o.create, status
	case 3:
		id := rest.FirstUUID(body)
		copy(boot.bind[boot.arq:], id.String())
		return boot.bind, status
	case 4:
		return boot.show, status
	}
	if !bytes.Contains(body, []byte(`"state": "Bound"`)) {
		o.failed(o.at, body)
	}
	o.at, o.step = o.at+1, 0
	return boot.delete, status
}
