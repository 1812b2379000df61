package http

import (
	"log/slog"
	"net/netip"
	"time"
)

// Options are the settings of a Server. Zero values stand for the defaults.
type Options struct {
	// PublicEndpoint begins the links in answers, without a trailing slash
	// ([api]public_endpoint). Empty: scheme and Host of the request.
	PublicEndpoint string
	// AuthURI is what a 401 names in WWW-Authenticate.
	AuthURI string

	MaxBodyBytes   int // of a request; 1 MiB
	MaxHeaderBytes int // request line and headers together; 32 KiB

	ReadTimeout  time.Duration // of a whole request; 30 s
	WriteTimeout time.Duration // of a whole answer; 2 min
	IdleTimeout  time.Duration // between two requests; 75 s
	// DrainGrace is how long Shutdown leaves idle connections open, so that a
	// request already on its way to one is answered; 1 s, negative: none.
	DrainGrace time.Duration

	// BodyMemory is how much there is for bodies that are being received or looked
	// at, in bytes, small ones not counted; 128 MiB, or sixteen of the longest.
	BodyMemory int64

	MaxConnections    int // 16384
	MaxInflightWrites int // requests that may change something, at a time, in work and waiting; 1024
	// ChangePatience is how long such a request waits for its turn while more come than
	// can be done, see admission.Options; 1 s, negative: none does.
	ChangePatience time.Duration

	// RatePerProject is how many requests a second a project may send, RateBurst
	// how many at once; 0: no limit. Those with a valid service token do not count.
	RatePerProject float64
	RateBurst      int

	// TrustedProxies are the peers whose headers Forwarded and X-Forwarded-* count.
	TrustedProxies []netip.Prefix
	CORS           CORS

	// QuietAccess leaves out the log line per request, but for those that change
	// something: these QuietAudit leaves out.
	QuietAccess bool
	QuietAudit  bool
	// Log takes the access log and faults; slog.Default() if nil.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.AuthURI, "http://127.0.0.1:5000/v3")
	setDefault(&o.MaxBodyBytes, 1<<20)
	setDefault(&o.MaxHeaderBytes, 32<<10)
	setDefault(&o.BodyMemory, max(128<<20, 16*int64(o.MaxBodyBytes)))
	setDefault(&o.ReadTimeout, 30*time.Second)
	setDefault(&o.WriteTimeout, 2*time.Minute)
	setDefault(&o.IdleTimeout, 75*time.Second)
	setDefault(&o.DrainGrace, time.Second)
	setDefault(&o.MaxConnections, 16384)
	setDefault(&o.MaxInflightWrites, 1024)
	setDefault(&o.ChangePatience, time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
