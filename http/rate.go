package http

import (
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"github.com/arqd/arqd/http/auth"
)

// rateLimit holds every project to so many requests a second. A request with a
// valid service token is let through: Nova, say, whose clean-up after an instance
// would otherwise be refused, and is not repeated.
type rateLimit struct {
	each  rate.Limit
	burst int

	mu       sync.Mutex
	projects map[string]*rate.Limiter
	swept    time.Time
}

// sweepEvery is how often the projects are forgotten that have been still for so
// long that nothing is held against them.
const sweepEvery = time.Minute

// newRateLimit makes a limit of a number of requests a second; 0 is none.
func newRateLimit(perSecond float64, burst int) *rateLimit {
	if perSecond <= 0 {
		return nil
	}
	return &rateLimit{each: rate.Limit(perSecond), burst: max(burst, 1), projects: map[string]*rate.Limiter{}}
}

// admit refuses what comes too early, and says when to come again.
func (l *rateLimit) admit(id *auth.Identity, now time.Time) error {
	if l == nil || id.Service {
		return nil
	}
	turn := l.of(payer(id), now).ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	turn.CancelAt(now)
	return &fault{
		status: fasthttp.StatusTooManyRequests, retry: true, after: int(math.Ceil(wait.Seconds())),
		message: "Too many requests: this project may send " +
			strconv.FormatFloat(float64(l.each), 'g', -1, 64) + " a second; nothing was done.",
	}
}

// payer is on whose account a request goes. The text may be the request's.
func payer(id *auth.Identity) string {
	if id.ProjectID == "" {
		return "user " + id.UserID
	}
	return id.ProjectID
}

func (l *rateLimit) of(project string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > sweepEvery {
		l.sweep(now)
	}
	limiter := l.projects[project]
	if limiter == nil {
		limiter = rate.NewLimiter(l.each, l.burst)
		l.projects[string([]byte(project))] = limiter // the text may be the request's
	}
	return limiter
}

func (l *rateLimit) sweep(now time.Time) {
	for project, limiter := range l.projects {
		if limiter.TokensAt(now) >= float64(l.burst) {
			delete(l.projects, project)
		}
	}
	l.swept = now
}
