package http

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"github.com/arqd/arqd/actors"
)

func noProfile(name string) error {
	return refuse(fasthttp.StatusNotFound, "device profile %.255s not found", name)
}

func createProfile(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	var spec actors.ProfileSpec
	err := c.withBody(func(body *fastjson.Value) (err error) {
		spec, err = parseProfile(body)
		return err
	})
	if err != nil {
		return err
	}
	ctx := c.lifetime()
	profile, err := c.srv.backend.CreateProfile(ctx, spec)
	if err != nil {
		return err
	}
	c.touches(profile.UUID)
	c.json(fasthttp.StatusCreated, appendProfile(c.scratch(), profile, c.base()))
	return nil
}

// parseProfile reads the shape of the body; the rules are with actors.
func parseProfile(body *fastjson.Value) (spec actors.ProfileSpec, err error) {
	list, err := arrayOf(body, "body")
	if err != nil {
		return spec, err
	}
	if len(list) != 1 {
		return spec, invalid("body: must be a list of exactly one device profile.")
	}
	profile, err := objectOf(list[0], "device profile")
	if err != nil {
		return spec, err
	}
	if err := parseProfileHead(profile, &spec); err != nil {
		return spec, err
	}
	groups, err := arrayOf(member(profile, "groups"), "groups")
	if err != nil {
		return spec, err
	}
	for i, group := range groups {
		requests, err := parseGroup(i, group)
		if err != nil {
			return spec, err
		}
		spec.Groups = append(spec.Groups, requests)
	}
	return spec, nil
}

func parseProfileHead(profile *fastjson.Object, spec *actors.ProfileSpec) error {
	name := member(profile, "name")
	if name == nil || name.Type() != fastjson.TypeString {
		return invalid("name: must be text.")
	}
	spec.Name, _ = textOf(name)
	if id := member(profile, "uuid"); id != nil {
		var ok bool
		if spec.UUID, ok = uuidOf(id); !ok {
			return invalid("uuid: must be a uuid.")
		}
	}
	if description := member(profile, "description"); description != nil {
		text, ok := textOf(description)
		if !ok {
			return invalid("description: must be text.")
		}
		spec.Description = &text
	}
	return nil
}

// parseGroup keeps the order of the keys. Numbers are taken for amounts only:
// the values of other keys are text to begin with.
func parseGroup(index int, v *fastjson.Value) ([]actors.Request, error) {
	object, err := objectOf(v, fmt.Sprintf("groups[%d]", index))
	if err != nil {
		return nil, err
	}
	requests := make([]actors.Request, 0, object.Len())
	object.Visit(func(key []byte, v *fastjson.Value) {
		text, ok := textOf(v)
		if number := v.Type() == fastjson.TypeNumber; number && strings.HasPrefix(aliasOf(key), "accel:") {
			ok = false
		}
		if !ok && err == nil {
			err = invalid("groups[%d]: the value of %.255q must be text.", index, key)
		}
		requests = append(requests, actors.Request{Key: string(key), Value: text})
	})
	return requests, err
}

var profileSortKeys = sortKeys[*actors.Profile]{
	"created_at":  func(a, b *actors.Profile) int { return cmp.Compare(a.Seq, b.Seq) },
	"uuid":        func(a, b *actors.Profile) int { return compareUUIDs(a.UUID, b.UUID) },
	"name":        func(a, b *actors.Profile) int { return strings.Compare(a.Name, b.Name) },
	"description": func(a, b *actors.Profile) int { return strings.Compare(description(a), description(b)) },
}

func description(p *actors.Profile) string {
	if p.Description == nil {
		return ""
	}
	return *p.Description
}

func listProfiles(c *call) error {
	args, err := c.query(withPaging("name")...)
	if err != nil {
		return err
	}
	page, err := args.paging()
	if err != nil {
		return err
	}
	profiles, err := findProfiles(c.srv.backend, args, page)
	if err != nil {
		return err
	}
	base := c.base()
	c.json(fasthttp.StatusOK, appendList(c.scratch(), "device_profiles", profiles,
		func(dst []byte, p *actors.Profile) []byte { return appendProfile(dst, p, base) }))
	return nil
}

func findProfiles(backend Backend, args queryArgs, page paging) ([]*actors.Profile, error) {
	var q actors.ProfileQuery
	if names, given := args.get("name"); given {
		q.Names = strings.Split(names, ",") // the empty name is nobody's
	}
	if page.sortKey == "" || page.sortKey == "created_at" {
		q.After, q.Limit, q.Descending = page.marker, page.limit, page.descending
		return backend.Profiles(q)
	}
	profiles, err := backend.Profiles(q)
	if err != nil {
		return nil, err
	}
	return profileSortKeys.apply(profiles, page, func(p *actors.Profile) uuid.UUID { return p.UUID })
}

func showProfile(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	profile, err := c.profile(c.pathID())
	if err != nil {
		return err
	}
	c.json(fasthttp.StatusOK, appendShownProfile(c.scratch(), profile, c.base()))
	return nil
}

// profile finds a device profile by its uuid or, from 2.2, by its name. A name
// may look like a uuid.
func (c *call) profile(name string) (*actors.Profile, error) {
	id, isUUID := parseUUID(name)
	if isUUID {
		if p, ok := c.srv.backend.Profile(id); ok {
			return p, nil
		}
	}
	if c.minor < minorProfileName {
		if isUUID {
			return nil, noProfile(name)
		}
		return nil, refuse(fasthttp.StatusNotAcceptable,
			"A device profile is shown by its name from microversion 2.2; before, by its uuid.")
	}
	if p, ok := c.srv.backend.ProfileByName(name); ok {
		return p, nil
	}
	return nil, noProfile(name)
}

func deleteProfile(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	return c.deleteProfiles([]string{c.pathID()})
}

func deleteProfiles(c *call) error {
	args, err := c.query("value")
	if err != nil {
		return err
	}
	value, given := args.get("value")
	if !given {
		return invalid("value: names the device profiles to delete and is missing.")
	}
	return c.deleteProfiles(unique(strings.Split(value, ",")))
}

func (c *call) deleteProfiles(names []string) error {
	for _, name := range names {
		if name == "" {
			return noProfile(name)
		}
	}
	ctx := c.lifetime()
	if err := c.srv.backend.DeleteProfiles(ctx, names); err != nil {
		return err
	}
	c.empty(fasthttp.StatusNoContent)
	return nil
}

// unique drops repeated values, keeping the order.
func unique[T comparable](values []T) []T {
	seen := make(map[T]struct{}, len(values))
	kept := values[:0]
	for _, v := range values {
		if _, repeated := seen[v]; !repeated {
			seen[v] = struct{}{}
			kept = append(kept, v)
		}
	}
	return kept
}
