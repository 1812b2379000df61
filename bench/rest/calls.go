package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

const (
	requests = "/accelerator_requests"
	profiles = "/device_profiles"
)

// ARQ is what is read of an accelerator request.
type ARQ struct {
	UUID     uuid.UUID `json:"uuid"`
	State    string    `json:"state"`
	Profile  string    `json:"device_profile_name"`
	Instance string    `json:"instance_uuid"`
}

// Resolved tells whether a bind has come to its end, as Nova sees it.
func (a *ARQ) Resolved() bool {
	return a.State == "Bound" || a.State == "BindFailed" || a.State == "Deleting"
}

// CreateProfile makes a device profile with one group.
func (c *Client) CreateProfile(ctx context.Context, name string, group ...Resource) Answer {
	return c.Do(ctx, http.MethodPost, profiles, ProfileBody(name, 1, group...))
}

// FindProfile asks for a profile by its name, as Nova does.
func (c *Client) FindProfile(ctx context.Context, name string) Answer {
	return c.Do(ctx, http.MethodGet, profiles+"?name="+url.QueryEscape(name), nil)
}

// Profiles asks for all profiles.
func (c *Client) Profiles(ctx context.Context) Answer {
	return c.Do(ctx, http.MethodGet, profiles, nil)
}

// DeleteProfile deletes a profile by its name.
func (c *Client) DeleteProfile(ctx context.Context, name string) Answer {
	return c.Do(ctx, http.MethodDelete, profiles+"?value="+url.QueryEscape(name), nil)
}

// CreateARQs makes the ARQs of a profile.
func (c *Client) CreateARQs(ctx context.Context, body []byte) Answer {
	return c.Do(ctx, http.MethodPost, requests, body)
}

// Bind binds ARQs, all or none.
func (c *Client) Bind(ctx context.Context, to Binding, ids ...uuid.UUID) Answer {
	return c.Do(ctx, http.MethodPatch, requests, BindBody(to, ids...))
}

// Show asks for one ARQ.
func (c *Client) Show(ctx context.Context, id uuid.UUID) Answer {
	return c.Do(ctx, http.MethodGet, requests+"/"+id.String(), nil)
}

// OfInstance asks for the ARQs of an instance.
func (c *Client) OfInstance(ctx context.Context, instance uuid.UUID) Answer {
	return c.Do(ctx, http.MethodGet, requests+"?instance="+instance.String(), nil)
}

// List asks for all ARQs.
func (c *Client) List(ctx context.Context) Answer {
	return c.Do(ctx, http.MethodGet, requests, nil)
}

// Page asks for so many ARQs behind one of them, or the first ones. Not every
// implementation has pages.
func (c *Client) Page(ctx context.Context, limit int, behind uuid.UUID) Answer {
	path := requests + "?limit=" + strconv.Itoa(limit)
	if behind != uuid.Nil {
		path += "&marker=" + behind.String()
	}
	return c.Do(ctx, http.MethodGet, path, nil)
}

// Delete deletes ARQs by their uuids, all or none.
func (c *Client) Delete(ctx context.Context, ids ...uuid.UUID) Answer {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = id.String()
	}
	return c.Do(ctx, http.MethodDelete, requests+"?arqs="+strings.Join(all, ","), nil)
}

// DeleteOfInstance unbinds and deletes what an instance has.
func (c *Client) DeleteOfInstance(ctx context.Context, instance uuid.UUID) Answer {
	return c.Do(ctx, http.MethodDelete, requests+"?instance="+instance.String(), nil)
}

// ReadARQs reads the ARQs of an answer to CreateARQs, OfInstance, List or Page.
func ReadARQs(a Answer) ([]ARQ, error) {
	var list struct {
		ARQs []ARQ `json:"arqs"`
	}
	err := read(a, &list)
	return list.ARQs, err
}

// ReadProfiles reads the names of the profiles of an answer.
func ReadProfiles(a Answer) ([]string, error) {
	var list struct {
		Profiles []struct {
			Name string `json:"name"`
		} `json:"device_profiles"`
	}
	err := read(a, &list)
	names := make([]string, len(list.Profiles))
	for i := range list.Profiles {
		names[i] = list.Profiles[i].Name
	}
	return names, err
}

func read(a Answer, into any) error {
	if err := a.Fault(); err != nil {
		return err
	}
	if err := json.Unmarshal(a.Body, into); err != nil {
		return fmt.Errorf("an answer that cannot be read: %w", err)
	}
	return nil
}

// Fault gives what is wrong with an answer that is not one of success.
func (a *Answer) Fault() error {
	switch {
	case a.OK():
		return nil
	case a.Err != nil:
		return fmt.Errorf("%s: %w", a.Outcome, a.Err)
	}
	return fmt.Errorf("status %d: %.300s", a.Status, a.Body)
}
