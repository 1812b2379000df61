package openstack

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// longestPause bounds the time between two attempts.
const longestPause = 5 * time.Second

// retry is gophercloud's RetryFunc: nil asks for another attempt, after the
// pause that it has made.
func (s *Session) retry(
	ctx context.Context, method, url string, opts *gophercloud.RequestOpts, err error, failures uint,
) error {
	if failures > uint(s.connection.Retries) || opts.RawBody != nil || !s.mayRepeat(method, url, err) {
		return err
	}
	timer := time.NewTimer(s.pause(failures, err))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return err
	}
}

// mayRepeat holds of failures that may pass, of requests that do no more when
// they are done twice: reading, authenticating, and what never arrived.
func (s *Session) mayRepeat(method, url string, err error) bool {
	var (
		op          *net.OpError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, errElsewhere), errors.As(err, &certificate):
		return false // will not pass
	case errors.As(err, &op) && op.Op == "dial":
		return true
	}
	harmless := method == http.MethodGet || method == http.MethodHead || url == s.tokenURL
	return harmless && errors.Is(Explain(err), ErrUnreachable)
}

// pause doubles with each failure, from half to one and a half of it by
// chance, so that many that failed together do not come back together. What
// the service itself asks for counts if it is longer.
func (s *Session) pause(failures uint, err error) time.Duration {
	pause := min(s.connection.Pause<<min(failures-1, 16), longestPause)
	pause = pause/2 + rand.N(pause)
	if status, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err); ok {
		seconds, _ := strconv.Atoi(status.ResponseHeader.Get("Retry-After"))
		pause = max(pause, time.Duration(seconds)*time.Second)
	}
	return min(pause, longestPause)
}
