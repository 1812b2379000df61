package keystone

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/arqd/arqd/http/auth"
	"github.com/arqd/arqd/http/openstack"
)

// Options are the settings of a Validator, by their names in
// [keystone_authtoken]. Zero values stand for the defaults.
type Options struct {
	Interface string // of Keystone's endpoint in the catalog; internal
	Region    string // of that endpoint; any
	// CacheTime is how long an answer is remembered; negative: not at all.
	CacheTime time.Duration // 5 min
	// ServiceTokenRoles are the roles of which a service token must have one.
	ServiceTokenRoles []string // auth.DefaultServiceRole
	// AnyServiceToken lets a valid service token without such a role through,
	// as if it had not come along (service_token_roles_required = false).
	AnyServiceToken bool
	// ServiceType is what this service is called in access rules of application
	// credentials; "accelerator".
	ServiceType string

	Log *slog.Logger     // slog.Default() if nil
	Now func() time.Time // the clock; time.Now if nil
}

func (o Options) withDefaults() Options {
	if o.Interface == "" {
		o.Interface = "internal"
	}
	if o.CacheTime == 0 {
		o.CacheTime = 5 * time.Minute
	}
	if len(o.ServiceTokenRoles) == 0 {
		o.ServiceTokenRoles = []string{auth.DefaultServiceRole}
	}
	if o.ServiceType == "" {
		o.ServiceType = "accelerator"
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

const (
	mostKnown   = 65536 // tokens remembered, about 1 KiB each
	mostRefused = 16384 // refusals remembered; apart, so that they push no token out
	// refusalTime bounds how long a refusal is remembered: a Keystone that has
	// not got its newest keys yet refuses a good token.
	refusalTime = 10 * time.Second
	// longestToken is far beyond any that Keystone makes.
	longestToken = 8 << 10
)

// Validator is an auth.Validator that asks Keystone.
type Validator struct {
	opt     Options
	session *openstack.Session

	known   *cache[*token]
	refused *cache[refusal]
	flights singleflight.Group
	turns   chan struct{} // one for each question under way
	outage  outage
	counts  counts
}

// New makes a Validator. It asks nobody; a Keystone that is away then answers
// when it is back. The session stays the caller's to close.
func New(session *openstack.Session, opt Options) *Validator {
	opt = opt.withDefaults()
	opt.ServiceTokenRoles = slices.Clone(opt.ServiceTokenRoles)
	return &Validator{
		opt: opt, session: session,
		known: newCache[*token](mostKnown), refused: newCache[refusal](mostRefused),
		turns:  make(chan struct{}, mostQuestions),
		outage: outage{log: opt.Log},
	}
}

// Refusals are made once: an unauthorized request is to cost little.
var (
	errNoToken      = fmt.Errorf("%w: X-Auth-Token is missing", auth.ErrUnauthorized)
	errOddToken     = fmt.Errorf("%w: X-Auth-Token is repeated, too long or no plain text", auth.ErrUnauthorized)
	errRefused      = fmt.Errorf("%w: Keystone does not know the token", auth.ErrUnauthorized)
	errService      = fmt.Errorf("%w: Keystone does not know it", auth.ErrServiceUnauthorized)
	errOddService   = fmt.Errorf("%w: X-Service-Token is repeated, too long or no plain text", auth.ErrServiceUnauthorized)
	errServiceRoles = fmt.Errorf("%w: it has none of the service token roles", auth.ErrServiceUnauthorized)
)

// Validate finds out whose token the request carries. A service token with one
// of the service token roles lets a user's token pass that has expired, within
// the window that Keystone gives (allow_expired_window).
func (v *Validator) Validate(ctx context.Context, h auth.HeaderSource) (*auth.Identity, error) {
	userText := strings.TrimSpace(h.Header("X-Auth-Token"))
	serviceText := strings.TrimSpace(h.Header("X-Service-Token"))
	switch {
	case userText == "":
		return nil, errNoToken
	case !plain(userText):
		return nil, errOddToken
	}
	var service *token
	var isService bool
	if serviceText != "" {
		var err error
		if service, isService, err = v.service(ctx, serviceText); err != nil {
			return nil, err
		}
	}
	user, err := v.token(ctx, userText, isService)
	if err != nil {
		return nil, err
	}
	// With a service token the request is a service's, made to do what the user
	// was allowed to ask of that service.
	if user.rules != nil && service == nil && !user.rules.allow(v.opt.ServiceType, h.Method(), h.Path()) {
		return nil, errRestricted
	}
	return user.with(service, isService), nil
}

// service checks a service token. A bad one is never the same as none: the
// caller meant to act as a service and would act as somebody else.
func (v *Validator) service(ctx context.Context, text string) (t *token, isService bool, err error) {
	if !plain(text) {
		return nil, false, errOddService
	}
	t, err = v.token(ctx, text, false)
	switch {
	case isRefusal(err):
		return nil, false, errService
	case err != nil:
		return nil, false, err
	case t.has(v.opt.ServiceTokenRoles):
		return t, true, nil
	case v.opt.AnyServiceToken:
		return t, false, nil
	}
	return nil, false, errServiceRoles
}

// plain tells whether a token is visible ASCII, as all of Keystone's are: other
// bytes cannot be sent on, among them the "\n" between the values of a repeated
// header.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return len(s) <= longestToken
}

// token finds out about one token: from memory, or from Keystone.
func (v *Validator) token(ctx context.Context, text string, allowExpired bool) (*token, error) {
	k, now := keyOf(text), v.opt.Now()
	if t, known, err := v.remembered(k, now, allowExpired); known {
		return t, err
	}
	return v.ask(ctx, k, text, allowExpired)
}

// refusal tells what Keystone refuses: the token as it is, or also as one that
// may have expired.
type refusal struct{ evenExpired bool }

// remembered gives what is known of a token, at the given time. Nothing is
// known of one that has ended: whether it is good yet for a service is asked
// each time.
func (v *Validator) remembered(k key, now time.Time, allowExpired bool) (t *token, known bool, err error) {
	if t, ok := v.known.get(k, now); ok && now.Before(t.expires) {
		v.counts.hits.Add(1)
		return t, true, nil
	}
	if r, ok := v.refused.get(k, now); ok && (r.evenExpired || !allowExpired) {
		v.counts.hits.Add(1)
		return nil, true, errRefused
	}
	return nil, false, nil
}

// remember keeps an answer for its time.
func (v *Validator) remember(k key, t *token, allowExpired bool) {
	now := v.opt.Now()
	switch {
	case v.opt.CacheTime < 0:
	case t == nil:
		v.refused.put(k, refusal{evenExpired: allowExpired}, now.Add(min(v.opt.CacheTime, refusalTime)))
	case now.Before(t.expires):
		v.known.put(k, t, now.Add(v.opt.CacheTime))
	}
}
