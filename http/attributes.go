package http

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"github.com/arqd/arqd/actors"
)

// maxAttributeText is in characters, as the reference's columns have it.
const maxAttributeText = 255

var attributeSortKeys = sortKeys[*actors.Attribute]{
	"id":            func(a, b *actors.Attribute) int { return cmp.Compare(a.ID, b.ID) },
	"uuid":          func(a, b *actors.Attribute) int { return compareUUIDs(a.UUID, b.UUID) },
	"key":           func(a, b *actors.Attribute) int { return strings.Compare(a.Key, b.Key) },
	"value":         func(a, b *actors.Attribute) int { return strings.Compare(a.Value, b.Value) },
	"deployable_id": func(a, b *actors.Attribute) int { return cmp.Compare(a.DeployableID, b.DeployableID) },
	"created_at":    func(a, b *actors.Attribute) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) },
}

func listAttributes(c *call) error {
	args, err := c.query(withPaging("deployable_id", "key")...)
	if err != nil {
		return err
	}
	page, err := args.paging()
	if err != nil {
		return err
	}
	deployable, err := args.deployableID()
	if err != nil {
		return err
	}
	attributes, err := attributeSortKeys.apply(findAttributes(c.srv.backend, deployable, args.text("key")),
		page, func(a *actors.Attribute) uuid.UUID { return a.UUID })
	if err != nil {
		return err
	}
	base := c.base()
	c.json(fasthttp.StatusOK, appendList(c.scratch(), "attributes", attributes,
		func(dst []byte, a *actors.Attribute) []byte { return appendAttribute(dst, a, base) }))
	return nil
}

// deployableID is a number; 0 is no filter.
func (q queryArgs) deployableID() (int, error) {
	text, given := q.get("deployable_id")
	if !given {
		return 0, nil
	}
	id, err := strconv.Atoi(text)
	if err != nil {
		return 0, invalid("deployable_id: %.80q is not a number.", text)
	}
	return id, nil
}

// findAttributes gives attributes in the order of their ids, which is not that
// of the deployables once attributes were added by hand.
func findAttributes(backend Backend, deployable int, key string) []*actors.Attribute {
	var found []*actors.Attribute
	for _, device := range backend.Devices() {
		for _, d := range device.Deployables {
			if deployable != 0 && d.ID != deployable {
				continue
			}
			for _, a := range d.Attributes {
				if key == "" || a.Key == key {
					found = append(found, a)
				}
			}
		}
	}
	slices.SortStableFunc(found, attributeSortKeys["id"])
	return found
}

func showAttribute(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	text := c.pathID()
	id, ok := parseUUID(text)
	if !ok {
		return invalid("uuid: %.80q is not a uuid.", text)
	}
	attribute, ok := c.srv.backend.Attribute(id)
	if !ok {
		return noAttribute(text)
	}
	c.json(fasthttp.StatusOK, appendAttribute(c.scratch(), attribute, c.base()))
	return nil
}

func noAttribute(id string) error {
	return refuse(fasthttp.StatusNotFound, "attribute %.80s not found", id)
}

func createAttribute(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	var wanted actors.NewAttribute
	err := c.withBody(func(body *fastjson.Value) (err error) {
		wanted, err = parseAttribute(body)
		return err
	})
	if err != nil {
		return err
	}
	ctx := c.lifetime()
	attribute, err := c.srv.backend.CreateAttribute(ctx, wanted)
	if err != nil {
		return err
	}
	c.touches(attribute.UUID)
	c.json(fasthttp.StatusCreated, appendAttribute(c.scratch(), attribute, c.base()))
	return nil
}

func parseAttribute(body *fastjson.Value) (a actors.NewAttribute, err error) {
	object, err := objectOf(body, "body")
	if err != nil {
		return a, err
	}
	idText, _ := textOf(member(object, "deployable_id"))
	if a.DeployableID, err = strconv.Atoi(idText); err != nil {
		return a, invalid("deployable_id: must be a number.")
	}
	if a.Key, err = attributeText(object, "key"); err != nil {
		return a, err
	}
	if a.Key == "" {
		return a, invalid("key: must not be empty.")
	}
	if a.Value, err = attributeText(object, "value"); err != nil {
		return a, err
	}
	if id := member(object, "uuid"); id != nil {
		var ok bool
		if a.UUID, ok = uuidOf(id); !ok {
			return a, invalid("uuid: must be a uuid.")
		}
	}
	return a, nil
}

func attributeText(object *fastjson.Object, field string) (string, error) {
	text, ok := textOf(member(object, field))
	if !ok {
		return "", invalid("%s: must be text.", field)
	}
	if utf8.RuneCountInString(text) > maxAttributeText {
		return "", invalid("%s: is longer than %d characters.", field, maxAttributeText)
	}
	return text, nil
}

func deleteAttribute(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	text := c.pathID()
	id, ok := parseUUID(text)
	if !ok {
		return noAttribute(text)
	}
	ctx := c.lifetime()
	if err := c.srv.backend.DeleteAttribute(ctx, id); err != nil {
		return err
	}
	c.empty(fasthttp.StatusNoContent)
	return nil
}
