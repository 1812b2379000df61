package keystone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"

	"github.com/arqd/arqd/http/auth"
	"github.com/arqd/arqd/http/openstack"
)

const (
	mostQuestions = 64               // to Keystone at the same time; further ones wait
	questionLimit = 30 * time.Second // for an answer, waiting and retries and all
)

// ask has Keystone check a token. Whoever comes with the same token meanwhile
// gets the same answer.
func (v *Validator) ask(ctx context.Context, k key, text string, allowExpired bool) (*token, error) {
	if v.outage.on(v.opt.Now()) {
		v.counts.unavailable.Add(1)
		return nil, auth.ErrUnavailable
	}
	flight := string(k[:])
	if allowExpired {
		flight += "+"
	}
	got, err, _ := v.flights.Do(flight, func() (any, error) {
		// It may have been answered between the look and the flight.
		if t, known, err := v.remembered(k, v.opt.Now(), allowExpired); known {
			return t, err
		}
		return v.question(ctx, k, strings.Clone(text), allowExpired)
	})
	t, _ := got.(*token)
	return t, err
}

// question is one question to Keystone, with all that follows from its answer.
func (v *Validator) question(ctx context.Context, k key, text string, allowExpired bool) (*token, error) {
	ctx, cancel := context.WithTimeout(ctx, questionLimit)
	defer cancel()
	select {
	case v.turns <- struct{}{}:
		defer func() { <-v.turns }()
	case <-ctx.Done():
		v.counts.unavailable.Add(1)
		return nil, auth.ErrUnavailable
	}
	asked := v.opt.Now()
	t, err := v.fetch(ctx, text, allowExpired)
	switch {
	case err == nil:
		v.counts.valid.Add(1)
		v.outage.over(v.opt.Now())
		v.remember(k, t, allowExpired)
	case isRefusal(err):
		v.counts.refused.Add(1)
		v.outage.over(v.opt.Now())
		v.remember(k, nil, allowExpired)
	default:
		v.counts.unavailable.Add(1)
		v.outage.failed(asked, v.opt.Now(), err)
		return nil, auth.ErrUnavailable
	}
	return t, err
}

func isRefusal(err error) bool { return errors.Is(err, auth.ErrUnauthorized) }

// fetch sends the question. Its error is ErrUnauthorized when the token is
// refused, and else says why there is no answer.
func (v *Validator) fetch(ctx context.Context, text string, allowExpired bool) (*token, error) {
	client, err := v.client(ctx)
	if err != nil {
		return nil, err
	}
	url := client.Endpoint + "auth/tokens?nocatalog"
	if allowExpired {
		url += "&allow_expired=1"
	}
	answer, err := client.Get(ctx, url, nil, &gophercloud.RequestOpts{
		KeepResponseBody: true,
		OkCodes:          []int{http.StatusOK, http.StatusNonAuthoritativeInfo},
		MoreHeaders: map[string]string{
			"X-Subject-Token": text,
			// Without it Keystone refuses tokens that have access rules.
			"OpenStack-Identity-Access-Rules": "1",
		},
	})
	if err != nil {
		return nil, refusedOr(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, openstack.Explain(err)
	}
	t, err := parse(body)
	switch {
	case isRefusal(err):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", openstack.ErrMalformed, err)
	case !allowExpired && !v.opt.Now().Before(t.expires):
		return nil, errRefused
	}
	return t, nil
}

// client is for Keystone's endpoint of the catalog, or where there is none for
// the one that the credentials name.
func (v *Validator) client(ctx context.Context) (*gophercloud.ServiceClient, error) {
	service := openstack.Service{Type: "identity", Interfaces: []string{v.opt.Interface}, Region: v.opt.Region}
	client, err := v.session.Client(ctx, service)
	if absent, ok := errors.AsType[*openstack.NoEndpointError](err); ok {
		v.outage.noEndpoint(absent)
		service.Override = v.session.IdentityURL()
		return v.session.Client(ctx, service)
	}
	if err != nil {
		return nil, err
	}
	base, err := utils.BaseEndpoint(client.Endpoint)
	client.Endpoint = gophercloud.NormalizeURL(base) + "v3/"
	return client, err
}

// refusedOr tells a refusal of the token from everything else that may go
// wrong. 404 is Keystone's only if it says so itself: that of a proxy, or of a
// wrong URL, is about no token. Of the other statuses for a bad request the
// token must be the cause, which is all that is not ours in it. 401 and 403 are
// about our own token.
func refusedOr(err error) error {
	var answer gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &answer) {
		return openstack.Explain(err)
	}
	switch answer.Actual {
	case http.StatusNotFound:
		var body struct {
			Error struct {
				Code int `json:"code"`
			} `json:"error"`
		}
		if json.Unmarshal(answer.Body, &body) == nil && body.Error.Code == http.StatusNotFound {
			return errRefused
		}
	case http.StatusBadRequest, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return errRefused
	}
	return openstack.Explain(err)
}
