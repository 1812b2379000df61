package http

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"
)

var parsers fastjson.ParserPool

var (
	errNoBody   = invalid("The request needs a JSON body.")
	errBodyForm = invalid("Content-Type: must be application/json.")
	errBodyType = refuse(415, "Content-Type: must be application/json.")
	errBodyCode = refuse(415, "Content-Encoding: must be identity.")
	errBodyJSON = invalid("The body is not valid JSON.")
)

// withBody parses the body and hands it to use. The values are gone when use
// returns: text taken from them by textOf is a copy.
func (c *call) withBody(use func(*fastjson.Value) error) error {
	body := c.ctx.PostBody()
	if len(bytes.TrimSpace(body)) == 0 {
		return errNoBody
	}
	if err := checkContentType(aliasOf(c.ctx.Request.Header.ContentType())); err != nil {
		return err
	}
	if encoding := c.headers.Header(fasthttp.HeaderContentEncoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return errBodyCode
	}
	parser := parsers.Get()
	defer parsers.Put(parser)
	value, err := parseBody(parser, body)
	if err != nil {
		return err
	}
	return use(value)
}

func checkContentType(header string) error {
	media, _, _ := strings.Cut(header, ";")
	media = strings.TrimSpace(media)
	switch {
	case strings.EqualFold(media, "application/json"):
		return nil
	case media == "", strings.EqualFold(media, "application/x-www-form-urlencoded"):
		return errBodyForm
	}
	return errBodyType
}

// parseBody parses strictly. The parser by itself is lenient with numbers and
// escapes, and the validator has no bound on its depth: so the one goes first,
// which has, and then the other.
func parseBody(parser *fastjson.Parser, body []byte) (*fastjson.Value, error) {
	if !utf8.Valid(body) {
		return nil, errBodyJSON
	}
	value, err := parser.ParseBytes(body)
	if err != nil || fastjson.ValidateBytes(body) != nil {
		return nil, errBodyJSON
	}
	return value, nil
}

// textOf gives a value where text is wanted: a string, or a number as it was
// written. The result is a copy.
func textOf(v *fastjson.Value) (string, bool) {
	if v == nil {
		return "", false
	}
	switch v.Type() {
	case fastjson.TypeString:
		text := string(v.GetStringBytes())
		return text, utf8.ValidString(text)
	case fastjson.TypeNumber:
		return string(v.MarshalTo(nil)), true
	case fastjson.TypeNull, fastjson.TypeObject, fastjson.TypeArray, fastjson.TypeTrue, fastjson.TypeFalse:
	}
	return "", false
}

// uuidOf gives a value where a uuid is wanted. The zero uuid is none: to the
// Backend it means that there is none.
func uuidOf(v *fastjson.Value) (uuid.UUID, bool) {
	if v == nil || v.Type() != fastjson.TypeString {
		return uuid.Nil, false
	}
	id, ok := parseUUID(aliasOf(v.GetStringBytes()))
	return id, ok && id != uuid.Nil
}

// member gives a member of an object, the last one of that name, or nil when
// it is absent or null.
func member(o *fastjson.Object, name string) *fastjson.Value {
	var found *fastjson.Value
	o.Visit(func(key []byte, v *fastjson.Value) {
		if string(key) == name {
			found = v
		}
	})
	if found == nil || found.Type() == fastjson.TypeNull {
		return nil
	}
	return found
}

// objectOf gives v as an object, or refuses naming what.
func objectOf(v *fastjson.Value, what string) (*fastjson.Object, error) {
	if v == nil || v.Type() != fastjson.TypeObject {
		return nil, invalid("%s: must be a JSON object.", what)
	}
	return v.Object()
}

// arrayOf gives v as a list, or refuses naming what.
func arrayOf(v *fastjson.Value, what string) ([]*fastjson.Value, error) {
	if v == nil || v.Type() != fastjson.TypeArray {
		return nil, invalid("%s: must be a JSON list.", what)
	}
	return v.Array()
}
