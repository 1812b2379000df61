package http

import (
	"cmp"
	"strings"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"github.com/arqd/arqd/actors"
)

var deployableSortKeys = sortKeys[*actors.Deployable]{
	"id":               func(a, b *actors.Deployable) int { return cmp.Compare(a.ID, b.ID) },
	"uuid":             func(a, b *actors.Deployable) int { return compareUUIDs(a.UUID, b.UUID) },
	"name":             func(a, b *actors.Deployable) int { return strings.Compare(a.Name, b.Name) },
	"rp_uuid":          func(a, b *actors.Deployable) int { return compareUUIDs(a.ProviderUUID, b.ProviderUUID) },
	"driver_name":      func(a, b *actors.Deployable) int { return strings.Compare(a.DriverName, b.DriverName) },
	"device_id":        func(a, b *actors.Deployable) int { return cmp.Compare(a.DeviceID, b.DeviceID) },
	"num_accelerators": func(a, b *actors.Deployable) int { return cmp.Compare(a.NumAccelerators, b.NumAccelerators) },
	"created_at":       func(a, b *actors.Deployable) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) },
	"updated_at":       func(a, b *actors.Deployable) int { return cmp.Compare(a.UpdatedAt, b.UpdatedAt) },
}

// deployableFilters are the fields of filters.field. Nothing has a parent or a
// root here; the reference takes these two and filters by neither.
var deployableFilters = []string{"name", "type", "vendor", "hostname", "host", "root_uuid", "parent_uuid"}

func listDeployables(c *call) error {
	args, err := c.query(withPaging(filterField, filterValue)...)
	if err != nil {
		return err
	}
	args, filtered, err := args.applyFilter(deployableFilters...)
	if err != nil {
		return err
	}
	page, err := args.paging()
	if err != nil {
		return err
	}
	deployables, err := deployableSortKeys.apply(findDeployables(c.srv.backend, args),
		page.newestFirst(filtered, args), func(d *actors.Deployable) uuid.UUID { return d.UUID })
	if err != nil {
		return err
	}
	base := c.base()
	c.json(fasthttp.StatusOK, appendList(c.scratch(), "deployables", deployables,
		func(dst []byte, d *actors.Deployable) []byte { return appendDeployable(dst, d, base) }))
	return nil
}

func findDeployables(backend Backend, args queryArgs) []*actors.Deployable {
	filter, name := args.deviceFilter(), args.text("name")
	var found []*actors.Deployable
	for _, device := range backend.Devices() {
		if !filter.matches(device) {
			continue
		}
		for _, d := range device.Deployables {
			if name == "" || d.Name == name {
				found = append(found, d)
			}
		}
	}
	return found
}

func showDeployable(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	deployable, err := c.deployable()
	if err != nil {
		return err
	}
	c.json(fasthttp.StatusOK, appendDeployable(c.scratch(), deployable, c.base()))
	return nil
}

// deployable is the one that the path names.
func (c *call) deployable() (*actors.Deployable, error) {
	text := c.pathID()
	id, ok := parseUUID(text)
	if !ok {
		return nil, invalid("uuid: %.80q is not a uuid.", text)
	}
	deployable, _, ok := c.srv.backend.Deployable(id)
	if !ok {
		return nil, refuse(fasthttp.StatusNotFound, "deployable %.80s not found", text)
	}
	return deployable, nil
}

func programDeployable(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	var image uuid.UUID
	err := c.withBody(func(body *fastjson.Value) (err error) {
		image, err = parseProgram(body)
		return err
	})
	if err != nil {
		return err
	}
	c.touches(image)
	deployable, err := c.deployable()
	if err != nil {
		return err
	}
	ctx := c.lifetime()
	programmed, err := c.srv.backend.ProgramDeployable(ctx, deployable.UUID, image)
	if err != nil {
		return err
	}
	c.json(fasthttp.StatusOK, appendDeployable(c.scratch(), programmed, c.base()))
	return nil
}

// parseProgram reads [{"path", "op", "value": [{"image_uuid"}]}]. The command
// line client and the SDK send the path /program, the reference documents
// /bitstream_id.
func parseProgram(body *fastjson.Value) (uuid.UUID, error) {
	operation, err := onlyObject(body, "body")
	if err != nil {
		return uuid.Nil, err
	}
	if path, _ := textOf(member(operation, "path")); path != "/program" && path != "/bitstream_id" {
		return uuid.Nil, invalid("path: must be /program or /bitstream_id.")
	}
	if op, _ := textOf(member(operation, "op")); op != "replace" && op != "add" {
		return uuid.Nil, invalid("op: must be replace.")
	}
	value, err := onlyObject(member(operation, "value"), "value")
	if err != nil {
		return uuid.Nil, err
	}
	image, ok := uuidOf(member(value, "image_uuid"))
	if !ok {
		return uuid.Nil, invalid("image_uuid: must be a uuid.")
	}
	return image, nil
}

// onlyObject gives the object in a list of exactly one.
func onlyObject(v *fastjson.Value, what string) (*fastjson.Object, error) {
	list, err := arrayOf(v, what)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, invalid("%s: must be a list of exactly one object.", what)
	}
	return objectOf(list[0], what)
}
