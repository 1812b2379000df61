package test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// poll is the state that an exchange waits for.
type poll struct {
	Path string
	In   []any
	MaxS float64 `json:"max_s"`
}

func (p *poll) reached(a *answer) bool {
	body, _ := decode(a.body)
	value, found := dig(body, p.Path)
	return found && slices.ContainsFunc(p.In, func(want any) bool { return reflect.DeepEqual(want, value) })
}

// decode tells what a body is: "empty", "json" or "text", and gives its value.
func decode(body []byte) (value any, kind string) {
	if len(body) == 0 {
		return nil, "empty"
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if !json.Valid(body) || decoder.Decode(&value) != nil {
		return string(body), "text"
	}
	return value, "json"
}

var selector = regexp.MustCompile(`^(\w*)\[(\w+)=(.*)\]$`)

// dig finds the value at a place such as arqs.0.uuid, or devices[hostname=a].uuid
// for the first element with that member.
func dig(value any, path string) (any, bool) {
	for part := range strings.SplitSeq(path, ".") {
		member, key, want := part, "", ""
		if m := selector.FindStringSubmatch(part); m != nil {
			member, key, want = m[1], m[2], m[3]
		}
		if member != "" {
			var found bool
			if value, found = child(value, member); !found {
				return nil, false
			}
		}
		if key == "" {
			continue
		}
		list, _ := value.([]any)
		i := slices.IndexFunc(list, func(element any) bool {
			got, found := child(element, key)
			return found && fmt.Sprint(got) == want
		})
		if i < 0 {
			return nil, false
		}
		value = list[i]
	}
	return value, true
}

func child(value any, name string) (any, bool) {
	switch value := value.(type) {
	case map[string]any:
		got, found := value[name]
		return got, found
	case []any:
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(value) {
			return nil, false
		}
		return value[i], true
	}
	return nil, false
}

// compare says in what an answer differs from what is expected.
func (r *replayer) compare(x *exchange, got *answer) []string {
	body, kind := decode(got.body)
	if x.Arqd != nil {
		return r.compareOwn(x, got.status, body)
	}
	var wrong []string
	if got.status != x.Response.Status {
		wrong = append(wrong, fmt.Sprintf("status %d, want %d: %.200s", got.status, x.Response.Status, got.body))
	}
	wrong = append(wrong, differ("header", headerValues(x.Response.Headers), r.comparedHeaders(got))...)
	switch {
	case kind != x.Response.BodyKind:
		wrong = append(wrong, fmt.Sprintf("the body is %s, want %s", kind, x.Response.BodyKind))
	case kind != "text":
		wrong = append(wrong, differ("", opened(x.Response.Body), opened(r.templated(body)))...)
	}
	return wrong
}

// compareOwn compares with arqd's own answer, of which some places are given.
func (r *replayer) compareOwn(x *exchange, status int, body any) []string {
	var wrong []string
	if !slices.Contains(x.Arqd.Status, status) {
		wrong = append(wrong, fmt.Sprintf("status %d, want %v (%s)", status, x.Arqd.Status, x.Arqd.Why))
	}
	for path, want := range x.Arqd.Check {
		if text, ok := want.(string); ok {
			want = r.fill(text)
		}
		if got, _ := dig(body, path); !reflect.DeepEqual(got, want) {
			wrong = append(wrong, fmt.Sprintf("%s is %v, want %v", path, got, want))
		}
	}
	return wrong
}

// comparedHeaders are the headers of an answer that clients depend on.
func (r *replayer) comparedHeaders(a *answer) any {
	kept := map[string]string{}
	for name, values := range a.header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "openstack-api-") || slices.Contains(
			[]string{"content-type", "vary", "location", "allow", "www-authenticate"}, name) {
			text, _ := r.templated(values[0]).(string)
			kept[name] = text
		}
	}
	return headerValues(kept)
}

// headerValues leaves out where Keystone is.
func headerValues(headers map[string]string) any {
	values := map[string]any{}
	for name, value := range headers {
		name = strings.ToLower(name)
		if name == "www-authenticate" {
			value, _, _ = strings.Cut(value, " ")
		}
		values[name] = value
	}
	return values
}

// The kinds of text that differ from run to run.
var volatile = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<uuid>"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "<hex32>"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)?`), "<ts>"},
}

// templated puts the names of variables in the place of their values, and
// names in the place of other ids and of times.
func (r *replayer) templated(value any) any {
	known := slices.DeleteFunc(slices.Clone(r.names), func(name string) bool {
		v := r.values[name]
		return name == "base" || len(v) < 6 || strings.HasPrefix(v, "uncaptured")
	})
	// Short ids may be part of longer ones; of equal ones the older name counts.
	slices.SortStableFunc(known, func(a, b string) int { return cmp.Compare(len(r.values[b]), len(r.values[a])) })
	return mapText(value, func(text string) string {
		text = strings.ReplaceAll(text, r.values["base"], "${base}")
		for _, name := range known {
			text = strings.ReplaceAll(text, r.values[name], "${"+name+"}")
		}
		for _, v := range volatile {
			text = v.pattern.ReplaceAllLiteralString(text, v.name)
		}
		return text
	})
}

func mapText(value any, change func(string) string) any {
	switch value := value.(type) {
	case string:
		return change(value)
	case []any:
		list := make([]any, len(value))
		for i, element := range value {
			list[i] = mapText(element, change)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(value))
		for key, element := range value {
			object[change(key)] = mapText(element, change)
		}
		return object
	}
	return value
}

// opened opens the JSON inside the text of an error envelope.
func opened(body any) any {
	object, _ := body.(map[string]any)
	text, ok := object["error_message"].(string)
	if !ok {
		return body
	}
	inner, kind := decode([]byte(text))
	if kind != "json" {
		inner = "<text>"
	}
	return map[string]any{"error_message": inner}
}

// freeText are members whose text is each service's own to word.
var freeText = []string{"faultstring", "debuginfo", "message", "title", "detail"}

// differ lists the places in which got is not want.
func differ(place string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			return differObject(place, want, got)
		}
	case []any:
		if got, ok := got.([]any); ok {
			return differList(place, want, got)
		}
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	return []string{fmt.Sprintf("%s is %#v, want %#v", place, got, want)}
}

func differObject(place string, want, got map[string]any) []string {
	var wrong []string
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		w, wanted := want[key]
		g, given := got[key]
		_, isText := w.(string)
		_, hasText := g.(string)
		switch {
		case !wanted:
			wrong = append(wrong, place+"/"+key+" is more than wanted")
		case !given:
			wrong = append(wrong, place+"/"+key+" is missing")
		case isText && hasText && slices.Contains(freeText, key):
		default:
			wrong = append(wrong, differ(place+"/"+key, w, g)...)
		}
	}
	return wrong
}

func differList(place string, want, got []any) []string {
	var wrong []string
	if len(want) != len(got) {
		wrong = append(wrong, fmt.Sprintf("%s has %d elements, want %d", place, len(got), len(want)))
	}
	for i := range min(len(want), len(got)) {
		wrong = append(wrong, differ(fmt.Sprintf("%s/%d", place, i), want[i], got[i])...)
	}
	return wrong
}
