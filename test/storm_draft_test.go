package test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// draft is a request that is not on the wire yet. Its end is where its length,
// or its last chunk, says.
type draft struct {
	method, target, version string
	lines                   []headerLine
	body                    []byte
	chunks                  bool
	id                      string
}

type headerLine struct{ name, value string }

func (d *draft) set(name, value string) { d.lines = append(d.lines, headerLine{name, value}) }

func (d *draft) drop(name string) {
	d.lines = slices.DeleteFunc(d.lines, func(l headerLine) bool { return strings.EqualFold(l.name, name) })
}

// says tells whether a header has the value.
func (d *draft) says(name, value string) bool {
	return slices.ContainsFunc(d.lines, func(l headerLine) bool {
		return strings.EqualFold(l.name, name) && strings.TrimSpace(l.value) == value
	})
}

func (d *draft) bytes(rng *rand.Rand) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\n", d.method, d.target, d.version)
	for _, line := range d.lines {
		fmt.Fprintf(&b, "%s: %s\r\n", line.name, line.value)
	}
	fmt.Fprintf(&b, "X-Openstack-Request-Id: %s\r\n", d.id)
	switch {
	case d.chunks:
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		writeChunks(&b, d.body, rng)
	case len(d.body) > 0 || d.method == http.MethodPost || d.method == http.MethodPatch:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(d.body), d.body)
	default:
		b.WriteString("\r\n")
	}
	return []byte(b.String())
}

var oddExtensions = []string{"", "", "", "", ";a", ";a=b", ";a=\"b;c\"", ";;", ";\t", "  ", ";" + strings.Repeat("x", 200), ";\x01", ";\xff"}

func writeChunks(b *strings.Builder, body []byte, rng *rand.Rand) {
	for len(body) > 0 {
		n := 1 + rng.IntN(min(len(body), 1<<rng.IntN(12)))
		form := []string{"%x", "%X", "0%x", "0000%x"}[rng.IntN(4)]
		fmt.Fprintf(b, form+"%s\r\n%s\r\n", n, oddExtensions[rng.IntN(len(oddExtensions))], body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n")
	if rng.IntN(8) == 0 {
		b.WriteString("X-Trailer: a\r\n")
	}
	b.WriteString("\r\n")
}

// oddMethods, and the rest of what a client may get wrong, one at a time.
var (
	oddMethods = []string{
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "Post", "BREW", "G", "PROPFIND", "X-A", "!#$%&'*+-.^_`|~",
	}
	oddTargets = []string{
		"/", "//", "/v2", "/v2/", "/v2//devices", "/v2/devices/", "/v2/devices//", "/v2/./devices", "/v2/../v2/devices", "/%76%32/devices", "/v2%2fdevices",
		"/v2/devices%00", "/v2/devices%", "/v2/devices/%zz", "/v2/devices;a=b", "/v2/devices#a", "/V2/devices", "http://a/v2/devices", "http:///v2/devices",
		"/accelerator", "/accelerator/v2/devices", "/accelerator/accelerator/v2", "/v2/device_profiles/%ff%fe", "/v2/device_profiles/\xff", "/v2/\"'<>\\^`{|}",
		"/v2/accelerator_requests/00000000-0000-0000-0000-000000000000", "/v2/devices/enable", "/v2/devices/disable/disable", "/v2/deployables//program", "*",
		"/metrics", "/debug/pprof/", "/v2/v2/v2/v2/v2/v2/v2", "/?", "/v2/devices?", "/v2/devices??", "/v2/devices?%", "/v2/accelerator_requests?limit=1&limit=2",
	}
	oddQueries = []string{
		"limit=0", "limit=-1", "limit=1", "limit=99999999999999999999", "limit=1e3", "limit=%31", "marker=x", "marker=00000000-0000-7000-8000-000000000001",
		"sort_key=name", "sort_dir=up", "sort_dir=desc", "instance=", "instance=x", "bind_state=resolved", "bind_state=x", "state=Bound,,Initial", "state=x",
		"device_profile=%00", "deployable_id=-1", "deployable_id=99999999999999999999", "key=%ff", "a=b", "=", "&", "&&&&", "%", "%zz=1", "a%00=b", "arqs=", "arqs=,",
		"arqs=x", "name=%2c", "value=,,", "filters.field=limit&filters.value=1", "hostname=%F0%9F%A6%AB", "limit=1;limit=2", "limit+=1", "limit=+1",
	}
	oddLines = []headerLine{
		{"Content-Type", "text/plain"},
		{"Content-Type", ""},
		{"Content-Type", "application/json; charset=utf-16"},
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"Content-Type", "multipart/form-data; boundary=x"},
		{"Content-Type", "multipart/form-data"},
		{"Content-Type", "application/json,text/html"},
		{"Content-Type", "\xff"},
		{"Content-Encoding", "gzip"},
		{"Content-Encoding", "br"},
		{"Content-Encoding", "identity"},
		{"Content-Encoding", "deflate, gzip"},
		{"Accept", "text/html"},
		{"Accept", "*/*;q=0"},
		{"Accept", ","},
		{"Accept", ";;;"},
		{"Accept", "application/json;q=x"},
		{"Accept-Encoding", "gzip, br, zstd"},
		{"OpenStack-API-Version", "accelerator 2.0"},
		{"OpenStack-API-Version", "accelerator latest"},
		{"OpenStack-API-Version", "accelerator 2.99"},
		{"OpenStack-API-Version", "accelerator 99999999999999999999.1"},
		{"OpenStack-API-Version", "accelerator"},
		{"OpenStack-API-Version", "compute 2.1, accelerator 2.2"},
		{"Host", ""},
		{"Host", "a b"},
		{"Host", "a/b"},
		{"Host", "[::1]:6666"},
		{"Host", "a:99999999"},
		{"Host", "\"<script>"},
		{"Host", strings.Repeat("a", 300)},
		{"Connection", "close"},
		{"Connection", "keep-alive"},
		{"Connection", "keep-alive, close"},
		{"Connection", "Content-Length"},
		{"Connection", "upgrade"},
		{"Upgrade", "h2c"},
		{"Upgrade", "websocket"},
		{"HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"},
		{"Expect", "100-continue"},
		{"Expect", "x"},
		{"Trailer", "X-Trailer"},
		{"Trailer", "Content-Length"},
		{"Range", "bytes=0-1"},
		{"If-Match", "*"},
		{"If-None-Match", "*"},
		{"If-Modified-Since", "x"},
		{"TE", "trailers"},
		{"Forwarded", "for=\"_x\";host=evil"},
		{"X-Forwarded-Host", "evil"},
		{"X-Forwarded-Proto", "gopher"},
		{"X-HTTP-Method-Override", "DELETE"},
		{"X-Openstack-Request-Id", "req-x"},
		{"X-Openstack-Request-Id", "\xff"},
		{"Cookie", "a=b; c"},
		{"Cookie", ";;=;"},
		{"X-A", "\x7f"},
		{"X-A", "\x01"},
		{"X-A", "\xc3\xa4"},
		{"X-A", "a\tb"},
		{"X-A", ""},
		{"A", "\"unfinished"},
		{"X_Underscore", "a"},
		{"!#$%&'*+-.^_`|~", "a"},
		{"Max-Forwards", "0"},
		{"User-Agent", ""},
		{"Referer", "\"{}"},
		{"Authorization", "Basic x"},
		{"X-Auth-Token", strings.Repeat("t", 3000)},
	}
	oddVersions = []string{"HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1 ", "http/1.1", "HTTP/11", "HTTPS/1.1", "HTTP/1.1\t", ""}
)

// mutate makes one thing odd that leaves open neither where the request ends
// nor, but for the version, that it is one.
func (d *draft) mutate(rng *rand.Rand) {
	switch n := rng.IntN(40); {
	case n < 2:
		d.method = oddMethods[rng.IntN(len(oddMethods))]
	case n < 4:
		d.target = oddTargets[rng.IntN(len(oddTargets))]
	case n < 9:
		d.target += pickOne(rng, "?", "&") + oddQueries[rng.IntN(len(oddQueries))]
	case n < 10:
		d.target = string(mutateBytes([]byte(d.target), rng, pathWords))
	case n < 16:
		line := oddLines[rng.IntN(len(oddLines))]
		if rng.IntN(3) > 0 || line.name == "Host" {
			d.drop(line.name)
		}
		d.set(line.name, line.value)
	case n < 17:
		d.lines = nil
	case n < 18:
		for range rng.IntN(300) {
			d.set("X-Many", "many")
		}
	case n < 19:
		d.version = oddVersions[rng.IntN(len(oddVersions))]
	case n < 22:
		d.chunks = !d.chunks
	case n < 34:
		if t := parseTree(d.body); t != nil {
			t.mutate(rng)
			d.body = t.appendTo(nil)
			return
		}
		d.body = []byte(oddScalar(rng))
	case n < 38:
		d.body = mutateBytes(d.body, rng, jsonWords)
	default:
		d.body = append(d.body, canary(newCanary())...)
	}
}

// mutateIdentity changes what an authenticating proxy says of the caller.
func (d *draft) mutateIdentity(rng *rand.Rand) {
	name := identityNames[rng.IntN(len(identityNames))]
	if rng.IntN(2) == 0 {
		d.drop(name)
	}
	if rng.IntN(4) > 0 {
		d.set(name, identityValues[rng.IntN(len(identityValues))])
	}
}

var (
	identityNames = []string{
		"X-Auth-Token", "X-Identity-Status", "X-User-Id", "X-Project-Id", "X-Roles", "X-User-Domain-Id", "X-Project-Domain-Id", "X-Is-Admin-Project", "X-Role",
		"X-Service-Token", "X-Service-Identity-Status", "X-Service-User-Id", "X-Service-Project-Id", "X-Service-Roles", "x-identity-status", "X_Identity_Status", "X-Tenant",
	}
	identityValues = []string{
		"", " ", "Confirmed", "confirmed", "Confirmed,Confirmed", " Confirmed\t", "Invalid", "Indeterminate", "admin", "admin,", ",,admin,,", "Admin", "admin;", "reader", "service",
		"admin\tservice", strings.Repeat("admin,", 500), strings.Repeat("x", 255), strings.Repeat("x", 256), strings.Repeat("x", 5000), "demo", "*", "%(project_id)s", "None", "null",
		"\xff\xfe", "\xc3\xa4", "\x7f", "a\"b", "a\\b", "979210aada93483db0cae553193673e0", "0", "-1", "true", "system", "all",
	}
)

func pickOne(rng *rand.Rand, texts ...string) string { return texts[rng.IntN(len(texts))] }

var (
	jsonWords = []string{"{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "null", "1e999", "\x00", "\xff", "\xef\xbb\xbf", " ", "\n", "/", "0", "-", "//", "'", "\"\":"}
	pathWords = []string{"/", "//", ".", "..", "%00", "%2f", "%2e", "%ff", "%", "?", "&", "=", ";", "#", "\xff", "*", "@", ":", "+", "[", "]", "\\", "v2"}
	wireWords = []string{
		"\r\n", "\n", "\r", "\r\n\r\n", "\n\n", " ", "\t", ":", ": ", "\x00", "\xff", "0\r\n\r\n", "1\r\n", "Content-Length: 0\r\n", "Content-Length: 7\r\n", "Content-Length: 07\r\n",
		"Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n", "Transfer-Encoding:\tchunked\r\n", "Transfer-Encoding: Chunked\r\n", "Transfer-Encoding: x\r\n",
		"HTTP/1.1", "HTTP/1.0", "Host: b\r\n", "\r\n ", "\r\n\t", "GET / HTTP/1.1\r\n", ";", "fffffffffffffffff", "-", "Connection: close\r\n", "Expect: 100-continue\r\n",
	}
)

// mutateBytes changes one place, however it is cut up.
func mutateBytes(b []byte, rng *rand.Rand, words []string) []byte {
	at := rng.IntN(len(b) + 1)
	end := min(len(b), at+rng.IntN(1<<rng.IntN(8)))
	switch rng.IntN(6) {
	case 0:
		b = slices.Clone(b)
		for i := at; i < min(end, at+4); i++ {
			b[i] ^= 1 << rng.IntN(8)
		}
		return b
	case 1:
		return slices.Delete(slices.Clone(b), at, end)
	case 2:
		return slices.Insert(slices.Clone(b), at, b[at:end]...)
	case 3:
		return b[:at:at]
	default:
		return slices.Insert(slices.Clone(b), at, []byte(words[rng.IntN(len(words))])...)
	}
}
