package http

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"github.com/arqd/arqd/actors"
)

// maxHostname is in characters, as the reference's column has it.
const maxHostname = 255

// The paths of a patch, without their slashes.
const (
	patchHostname  = "hostname"
	patchProvider  = "device_rp_uuid"
	patchInstance  = "instance_uuid"
	patchProject   = "project_id"
	patchProjectV2 = "instance_project_id" // its name in the published API reference
)

// patchRights are what the caller may use of the patch language.
type patchRights struct {
	minor int
	admin bool
}

// parsePatch reads the body of a PATCH: a map from the uuid of an ARQ to a
// list of {"path", "op", "value"}. With only set, the ARQ of the path, the
// body may be that one's bare list, and names no other.
func parsePatch(body *fastjson.Value, only uuid.UUID, rights patchRights) ([]actors.PatchItem, error) {
	if only != uuid.Nil && body.Type() == fastjson.TypeArray {
		item, err := parsePatchItem(only, body, rights)
		return []actors.PatchItem{item}, err
	}
	object, err := objectOf(body, "body")
	if err != nil {
		return nil, err
	}
	patch := patchItems{place: make(map[uuid.UUID]int, object.Len())}
	object.Visit(func(key []byte, list *fastjson.Value) {
		if err != nil {
			return
		}
		var item actors.PatchItem
		if item, err = parsePatchEntry(key, list, only, rights); err == nil {
			patch.add(item)
		}
	})
	if err == nil && len(patch.items) == 0 {
		err = invalid("body: names no accelerator request.")
	}
	return patch.items, err
}

// patchItems keeps the order of the body.
type patchItems struct {
	items []actors.PatchItem
	place map[uuid.UUID]int
}

// add takes an item; of an ARQ named twice the last one counts, at the place
// of the first.
func (p *patchItems) add(item actors.PatchItem) {
	if at, repeated := p.place[item.ARQ]; repeated {
		p.items[at] = item
		return
	}
	p.place[item.ARQ] = len(p.items)
	p.items = append(p.items, item)
}

func parsePatchEntry(key []byte, list *fastjson.Value, only uuid.UUID, rights patchRights) (actors.PatchItem, error) {
	id, ok := parseUUID(aliasOf(key))
	if !ok {
		return actors.PatchItem{}, noARQ(string(key))
	}
	if only != uuid.Nil && id != only {
		return actors.PatchItem{}, invalid("body: names %s, the path %s.", id, only)
	}
	return parsePatchItem(id, list, rights)
}

// arqPatch collects the operations for one ARQ.
type arqPatch struct {
	op     string
	fields map[string]*fastjson.Value // by path; the last one wins
}

func parsePatchItem(id uuid.UUID, list *fastjson.Value, rights patchRights) (actors.PatchItem, error) {
	item := actors.PatchItem{ARQ: id}
	if list.Type() != fastjson.TypeArray {
		return item, invalid("%s: must be a JSON list.", id)
	}
	elements, err := list.Array()
	if err != nil {
		return item, err
	}
	if len(elements) == 0 {
		return item, invalid("%s: the list of operations is empty.", id)
	}
	p := arqPatch{fields: make(map[string]*fastjson.Value, len(elements))}
	for _, element := range elements {
		if err := p.add(element, rights); err != nil {
			return item, err
		}
	}
	if p.op == "add" {
		item.Bind, err = p.bind()
	}
	return item, err
}

func (p *arqPatch) add(element *fastjson.Value, rights patchRights) error {
	object, err := objectOf(element, "operation")
	if err != nil {
		return err
	}
	op, ok := textOf(member(object, "op"))
	if !ok || op != "add" && op != "remove" {
		return invalid("op: must be add or remove.")
	}
	if p.op != "" && p.op != op {
		return invalid("op: add and remove must not be mixed for one accelerator request.")
	}
	p.op = op
	path, err := patchPath(member(object, "path"), rights)
	if err != nil {
		return err
	}
	p.fields[path] = member(object, "value")
	return nil
}

func patchPath(v *fastjson.Value, rights patchRights) (string, error) {
	text, ok := textOf(v)
	if !ok {
		return "", invalid("path: must be text.")
	}
	switch name := strings.TrimLeft(text, "/"); name {
	case patchHostname, patchProvider, patchInstance:
		return name, nil
	case patchProject, patchProjectV2:
		return patchProject, rights.mayMove()
	}
	return "", invalid("path: %.80q is none of /hostname, /device_rp_uuid, /instance_uuid, /project_id.", text)
}

func (r patchRights) mayMove() error {
	if r.minor < minorProjectID {
		return refuse(fasthttp.StatusNotAcceptable, "path: /project_id needs microversion 2.1.")
	}
	if !r.admin {
		return refuse(fasthttp.StatusForbidden, "path: only an administrator may use /project_id.")
	}
	return nil
}

// bind reads the wanted binding, which needs the three fields.
func (p *arqPatch) bind() (*actors.BindTo, error) {
	to := &actors.BindTo{}
	var err error
	if to.Hostname, err = p.hostname(); err != nil {
		return nil, err
	}
	if to.ProviderUUID, err = p.uuid(patchProvider); err != nil {
		return nil, err
	}
	if to.InstanceUUID, err = p.uuid(patchInstance); err != nil {
		return nil, err
	}
	if value, given := p.fields[patchProject]; given {
		to.ProjectID, err = checkText(value, patchProject)
	}
	return to, err
}

func (p *arqPatch) uuid(path string) (uuid.UUID, error) {
	value, given := p.fields[path]
	if !given {
		return uuid.Nil, invalid("%s: is missing.", path)
	}
	id, ok := uuidOf(value)
	if !ok {
		return uuid.Nil, invalid("%s: must be a uuid.", path)
	}
	return id, nil
}

func (p *arqPatch) hostname() (string, error) {
	value, given := p.fields[patchHostname]
	if !given {
		return "", invalid("%s: is missing.", patchHostname)
	}
	return checkText(value, patchHostname)
}

// checkText takes 1 to 255 characters, none of them a control character.
func checkText(v *fastjson.Value, field string) (string, error) {
	text, ok := textOf(v)
	if !ok || text == "" {
		return "", invalid("%s: must be text, and not empty.", field)
	}
	if utf8.RuneCountInString(text) > maxHostname {
		return "", invalid("%s: is longer than %d characters.", field, maxHostname)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", invalid("%s: must not hold control characters.", field)
	}
	return text, nil
}
