package http

import (
	"slices"
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

// patchField is what a path of a patch names.
type patchField uint8

const (
	patchHostname patchField = iota
	patchProvider
	patchInstance
	patchProject
	patchFields
)

// String gives the path without its slash.
func (f patchField) String() string {
	return [patchFields]string{"hostname", "device_rp_uuid", "instance_uuid", "project_id"}[f]
}

// patchProjectV2 is the project's name in the published API reference.
const patchProjectV2 = "instance_project_id"

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
	patch := newPatchItems(object.Len())
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
	place map[uuid.UUID]int // nil: there are few, which are found by looking
}

// fewItems are found sooner by looking at each.
const fewItems = 8

func newPatchItems(n int) patchItems {
	p := patchItems{items: make([]actors.PatchItem, 0, n)}
	if n > fewItems {
		p.place = make(map[uuid.UUID]int, n)
	}
	return p
}

// add takes an item; of an ARQ named twice the last one counts, at the place
// of the first.
func (p *patchItems) add(item actors.PatchItem) {
	if at, repeated := p.find(item.ARQ); repeated {
		p.items[at] = item
		return
	}
	if p.place != nil {
		p.place[item.ARQ] = len(p.items)
	}
	p.items = append(p.items, item)
}

func (p *patchItems) find(arq uuid.UUID) (at int, found bool) {
	if p.place != nil {
		at, found = p.place[arq]
		return at, found
	}
	at = slices.IndexFunc(p.items, func(i actors.PatchItem) bool { return i.ARQ == arq })
	return at, at >= 0
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
	op     patchOp
	given  [patchFields]bool
	fields [patchFields]*fastjson.Value // the last one wins; nil: absent or null
}

type patchOp uint8

const (
	patchAdd patchOp = iota + 1
	patchRemove
)

func patchOpOf(v *fastjson.Value) (patchOp, bool) {
	text, _ := aliasOfText(v)
	switch text {
	case "add":
		return patchAdd, true
	case "remove":
		return patchRemove, true
	}
	return 0, false
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
	var p arqPatch
	for _, element := range elements {
		if err := p.add(element, rights); err != nil {
			return item, err
		}
	}
	if p.op == patchAdd {
		item.Bind, err = p.bind()
	}
	return item, err
}

func (p *arqPatch) add(element *fastjson.Value, rights patchRights) error {
	object, err := objectOf(element, "operation")
	if err != nil {
		return err
	}
	op, ok := patchOpOf(member(object, "op"))
	if !ok {
		return invalid("op: must be add or remove.")
	}
	if p.op != 0 && p.op != op {
		return invalid("op: add and remove must not be mixed for one accelerator request.")
	}
	p.op = op
	field, err := patchPath(member(object, "path"), rights)
	if err != nil {
		return err
	}
	p.given[field], p.fields[field] = true, member(object, "value")
	return nil
}

func patchPath(v *fastjson.Value, rights patchRights) (patchField, error) {
	text, ok := aliasOfText(v)
	if !ok {
		return 0, invalid("path: must be text.")
	}
	switch strings.TrimLeft(text, "/") {
	case "hostname":
		return patchHostname, nil
	case "device_rp_uuid":
		return patchProvider, nil
	case "instance_uuid":
		return patchInstance, nil
	case "project_id", patchProjectV2:
		return patchProject, rights.mayMove()
	}
	return 0, invalid("path: %.80q is none of /hostname, /device_rp_uuid, /instance_uuid, /project_id.", text)
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
	if p.given[patchProject] {
		to.ProjectID, err = checkText(p.fields[patchProject], patchProject.String())
	}
	return to, err
}

func (p *arqPatch) uuid(field patchField) (uuid.UUID, error) {
	if !p.given[field] {
		return uuid.Nil, invalid("%s: is missing.", field)
	}
	id, ok := uuidOf(p.fields[field])
	if !ok {
		return uuid.Nil, invalid("%s: must be a uuid.", field)
	}
	return id, nil
}

func (p *arqPatch) hostname() (string, error) {
	if !p.given[patchHostname] {
		return "", invalid("%s: is missing.", patchHostname)
	}
	return checkText(p.fields[patchHostname], patchHostname.String())
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
