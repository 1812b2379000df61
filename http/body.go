package http

import (
	"bytes"
	"runtime"
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
	errBodyMany = refuse(413, "The body holds too many values for its length.")
)

// A parsed value takes some hundred bytes, however short its text: a list of
// zeros is a hundred times its length. Bodies of more than this are looked at
// first, and parsed by as many at a time as there are processors.
const smallBody = 16 << 10

var parsing = make(chan struct{}, runtime.GOMAXPROCS(0))

// tooMany tells whether there are more values in a JSON text than one in each
// eight bytes, which is more than requests of the API have.
func tooMany(text []byte) bool {
	left := 1024 + len(text)/8
	inString := false
	for i := 0; i < len(text) && left > 0; i++ {
		switch b := text[i]; {
		case b == '"':
			inString = !inString
		case inString && b == '\\':
			i++
		case !inString && (b == ',' || b == '[' || b == '{'):
			left--
		}
	}
	return left == 0
}

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
	if len(body) <= smallBody {
		parser := parsers.Get()
		defer parsers.Put(parser)
		return parseInto(parser, body, use)
	}
	if tooMany(body) {
		return errBodyMany
	}
	parsing <- struct{}{}
	defer func() { <-parsing }()
	return parseInto(new(fastjson.Parser), body, use)
}

func parseInto(parser *fastjson.Parser, body []byte, use func(*fastjson.Value) error) error {
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

// aliasOfText does the same without a copy, where text is only looked at: it is
// gone with the values.
func aliasOfText(v *fastjson.Value) (string, bool) {
	if v == nil || v.Type() != fastjson.TypeString {
		return textOf(v)
	}
	text := aliasOf(v.GetStringBytes())
	return text, utf8.ValidString(text)
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
