package agent

import (
	"context"
	"maps"
	"time"

	"github.com/arqd/arqd/devices/protocol"
)

// reporting is what the service was told of the hardware in a session.
type reporting struct {
	*session
	known  string // digest of the inventory that the service has; "": it has none, or another
	seq    uint64
	forced bool              // a look after the one with this number is wanted, be it the same
	after  uint64            // its number
	said   map[string]string // devices that it refuses, and why
	pause  pause
}

// report sends the newest inventory when the service does not have it, or wants it
// anew. It does so first of all.
func (s *session) report(life context.Context, known string) {
	r := &reporting{session: s, known: known}
	r.want()
	var again <-chan time.Time // the next try after a failure
	for {
		select {
		case <-life.Done():
			return
		case <-s.scanner.changed:
		case <-s.wants:
			r.want()
		case <-again:
			again = nil
		}
		if again != nil {
			continue
		}
		wait, goesOn := r.send(life)
		if !goesOn {
			return
		}
		if wait > 0 {
			again = time.After(wait)
		}
	}
}

// want asks for a new look, unless that has been done.
func (r *reporting) want() {
	if r.forced {
		return
	}
	r.forced, r.after = true, 0
	if newest := r.scanner.newest.Load(); newest != nil {
		r.after = newest.number
	}
	r.scanner.request()
}

// send sends what there is to send. It gives the time to wait before the next try,
// 0 for none, and false when the session is over.
func (r *reporting) send(life context.Context) (time.Duration, bool) {
	newest := r.scanner.newest.Load()
	if newest == nil || r.forced && newest.number <= r.after || !r.forced && newest.digest == r.known {
		return 0, true
	}
	r.seq++
	reply, err := r.opt.Service.Report(life, &protocol.Inventory{
		Session: r.id, Seq: r.seq, Scan: newest.number, Digest: newest.digest, Content: newest.content,
	}, r.known)
	switch code(err) {
	case protocol.CodeDigestDiffers:
		if r.known != "" {
			r.known = ""
			return r.send(life)
		}
	case protocol.CodeInvalid, protocol.CodeTooLarge:
		r.opt.Log.Error("the service does not take the inventory", "error", err)
		return refusedPause, true
	}
	if err != nil {
		return r.failed(life, &r.pause, err)
	}
	r.pause.reset()
	r.contact.found()
	log := r.opt.Log.Debug
	if *r.taken.Load() == "" || reply.Digest != r.known {
		log = r.opt.Log.Info
	}
	r.known, r.forced = reply.Digest, false
	r.taken.Store(&reply.Digest)
	r.scanner.taken(life, newest.number)
	r.refused(reply.Refused)
	log("the service has taken what the host has", "scan", newest.number, "devices", len(newest.content.Devices), "refused", len(reply.Refused), "problems", len(newest.content.Problems), "digest", reply.Digest)
	return 0, true
}

// refusedPause is how long an inventory that is refused as a whole stays so.
const refusedPause = time.Minute

// refused logs which devices the service does not take, once for as long as it
// does not.
func (r *reporting) refused(all []protocol.Refused) {
	now := make(map[string]string, len(all))
	for _, d := range all {
		now[d.CPIDInfo] = d.Reason
		if r.said[d.CPIDInfo] != d.Reason {
			r.opt.Log.Error("the service refuses a device", "device", d.CPIDInfo, "reason", d.Reason)
		}
	}
	if !maps.Equal(now, r.said) {
		r.said = now
	}
}
