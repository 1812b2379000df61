package http

import (
	"strings"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"github.com/arqd/arqd/actors"
)

func noARQ(id string) error {
	return refuse(fasthttp.StatusNotFound, "accelerator request %.80s not found", id)
}

// errNoProject refuses a creation that the policy allows to a token without a
// project: nobody would own what it makes.
var errNoProject = &fault{
	status:  fasthttp.StatusForbidden,
	message: "An accelerator request belongs to a project: this needs a token scoped to one.",
}

func createARQs(c *call) error {
	if c.identity.ProjectID == "" {
		return errNoProject
	}
	if _, err := c.query(); err != nil {
		return err
	}
	req := actors.CreateARQs{ProjectID: c.identity.ProjectID, RequestID: c.originID()}
	err := c.withBody(func(body *fastjson.Value) (err error) {
		req.ProfileName, err = parseCreate(body)
		return err
	})
	if err != nil {
		return err
	}
	ctx := c.lifetime()
	arqs, err := c.srv.backend.CreateARQs(ctx, req)
	if err != nil {
		return err
	}
	for _, a := range arqs {
		c.touches(a.UUID)
	}
	base := c.base()
	c.json(fasthttp.StatusCreated, appendList(c.scratch(), "arqs", arqs,
		func(dst []byte, a *actors.ARQ) []byte { return appendARQ(dst, a, base) }))
	return nil
}

// parseCreate reads the one member that counts; clients send others.
func parseCreate(body *fastjson.Value) (string, error) {
	object, err := objectOf(body, "body")
	if err != nil {
		return "", err
	}
	name, ok := textOf(member(object, "device_profile_name"))
	if !ok || name == "" {
		return "", invalid("device_profile_name: must be text, and not empty.")
	}
	return name, nil
}

func showARQ(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	text := c.pathID()
	id, ok := parseUUID(text)
	if !ok {
		return invalid("uuid: %.80q is not a uuid.", text)
	}
	arq, ok := c.srv.backend.ARQ(id)
	if !ok || !c.sees(arq) {
		return noARQ(text)
	}
	c.json(fasthttp.StatusOK, appendARQ(c.scratch(), arq, c.base()))
	return nil
}

func (c *call) sees(a *actors.ARQ) bool {
	return a.ProjectID == c.identity.ProjectID || c.identity.IsAdmin()
}

func patchARQs(c *call) error { return c.patchARQs(uuid.Nil) }

func patchARQ(c *call) error {
	if err := c.requireService(); err != nil {
		return err
	}
	id, ok := parseUUID(c.pathID())
	if !ok || id == uuid.Nil {
		return noARQ(c.pathID())
	}
	return c.patchARQs(id)
}

// patchARQs binds and unbinds; only is the ARQ of the path, if it names one.
func (c *call) patchARQs(only uuid.UUID) error {
	if err := c.requireService(); err != nil {
		return err
	}
	if _, err := c.query(); err != nil {
		return err
	}
	req := actors.Patch{Scope: c.scope(), RequestID: c.originID()}
	err := c.withBody(func(body *fastjson.Value) (err error) {
		req.Items, err = parsePatch(body, only, patchRights{minor: c.minor, admin: req.Scope.Admin})
		return err
	})
	if err != nil {
		return err
	}
	for i := range req.Items {
		c.touches(req.Items[i].ARQ)
	}
	ctx := c.lifetime()
	if err := c.srv.backend.PatchARQs(ctx, req); err != nil {
		return err
	}
	c.empty(fasthttp.StatusAccepted)
	return nil
}

func deleteARQ(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	return c.deleteNamed(c.pathID())
}

func deleteARQs(c *call) error {
	args, err := c.query("arqs", "instance")
	if err != nil {
		return err
	}
	list, byList := args.get("arqs")
	_, byInstance := args.get("instance")
	switch {
	case byList == byInstance:
		return invalid("Exactly one of the parameters arqs and instance is needed.")
	case byInstance:
		return c.deleteOfInstance(args)
	case list == "":
		return invalid("arqs: must not be empty.")
	}
	return c.deleteNamed(strings.Split(list, ",")...)
}

func (c *call) deleteOfInstance(args queryArgs) error {
	if err := c.requireService(); err != nil {
		return err
	}
	instance, err := args.uuid("instance")
	if err != nil {
		return err
	}
	return c.delete(actors.DeleteARQs{Instance: instance})
}

// deleteNamed deletes ARQs by their uuids. One that is not a uuid is the uuid
// of nothing: 404, and nothing is deleted.
func (c *call) deleteNamed(names ...string) error {
	ids := make([]uuid.UUID, len(names))
	for i, name := range names {
		id, ok := parseUUID(name)
		if !ok {
			return noARQ(name)
		}
		ids[i] = id
	}
	return c.delete(actors.DeleteARQs{ARQs: unique(ids)})
}

func (c *call) delete(req actors.DeleteARQs) error {
	req.Scope, req.Service, req.RequestID = c.scope(), c.identity.Service, c.originID()
	ctx := c.lifetime()
	if err := c.srv.backend.DeleteARQs(ctx, req); err != nil {
		return err
	}
	c.empty(fasthttp.StatusNoContent)
	return nil
}
