package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// exchange is one line of the recorded exchanges: a request, what the
// reference answered (nil where that is withheld), and what arqd answers
// instead where the reference is wrong.
type exchange struct {
	ID      json.Number
	Group   string
	Name    string
	Request struct {
		Method  string
		Path    string
		Headers map[string]string
		As      string
		Service string
		Raw     *string
		Body    json.RawMessage
	}
	Response *struct {
		Status   int
		Headers  map[string]string
		BodyKind string `json:"body_kind"`
		Body     any
	}
	Arqd *struct {
		Status []int
		Why    string
		Check  map[string]any
	}
	Cap        map[string]string // variable to the place in the body that it is taken from
	Poll       *poll
	Identities map[string]recordedIdentity // of the first line
}

type recordedIdentity struct {
	User      string
	Project   string
	UserID    string `json:"user_id"`
	ProjectID string `json:"project_id"`
	Roles     []string
}

// replayer sends the exchanges in turn; later ones use what earlier ones
// captured.
type replayer struct {
	address    string
	identities map[string]recordedIdentity
	tokens     map[string]string // by the name of the identity; nil: a proxy names them
	names      []string          // of the variables, in the order in which they came
	values     map[string]string
}

// replay sends every exchange of the file to a service in its start state and
// compares the answers. With a cloud the identities are its users, who come
// with their tokens; without one a proxy names them.
func replay(t *testing.T, p *process, file string, c *cloud) {
	t.Helper()
	exchanges := readExchanges(t, file)
	r := &replayer{address: host(p.api), identities: exchanges[0].Identities, values: map[string]string{}}
	if c != nil {
		r.logIn(t, c)
	}
	r.set("run", "r"+strconv.FormatInt(time.Now().Unix(), 16))
	r.set("base", p.api)
	// In alphabetical order demo and nova come first in their projects, which
	// are called after them in the recorded answers.
	for _, name := range slices.Sorted(maps.Keys(r.identities)) {
		r.set("project_id:"+name, r.identities[name].ProjectID)
		r.set("user_id:"+name, r.identities[name].UserID)
	}
	compared := 0
	for i := range exchanges[1:] {
		x := &exchanges[i+1]
		got, err := r.send(x)
		if err != nil {
			t.Errorf("%s %s: %s: %v", x.ID, x.Group, x.Name, err)
			continue
		}
		if x.Response == nil {
			continue
		}
		compared++
		if wrong := r.compare(x, got); len(wrong) > 0 {
			t.Errorf("%s %s: %s: %s %s: %s", x.ID, x.Group, x.Name, x.Request.Method, x.Request.Path,
				strings.Join(wrong[:min(len(wrong), 8)], "; "))
		}
	}
	if compared < 500 {
		t.Errorf("%d exchanges compared, want at least 500", compared)
	}
}

// logIn gets a token for each identity, and takes over its ids and roles.
func (r *replayer) logIn(t *testing.T, c *cloud) {
	t.Helper()
	r.tokens = map[string]string{}
	for name, id := range r.identities {
		token, who, err := c.authenticate(id.User, scopeProject(id.Project))
		if err != nil {
			t.Fatal(err)
		}
		var roles []string
		for _, role := range who.Roles {
			roles = append(roles, role.Name)
		}
		slices.Sort(roles)
		if !slices.Equal(roles, id.Roles) {
			t.Errorf("%s has the roles %v, recorded are %v", name, roles, id.Roles)
		}
		id.UserID, id.ProjectID = who.User.ID, who.Project.ID
		r.tokens[name], r.identities[name] = token, id
	}
}

func readExchanges(t *testing.T, file string) []exchange {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	for line := range bytes.Lines(b) {
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber() // 1 and 1.0 are not the same answer
		var x exchange
		if err := decoder.Decode(&x); err != nil {
			t.Fatalf("%s: exchange %d: %v", file, len(all), err)
		}
		all = append(all, x)
	}
	return all
}

func (r *replayer) set(name, value string) {
	if _, known := r.values[name]; !known {
		r.names = append(r.names, name)
	}
	r.values[name] = value
}

var variable = regexp.MustCompile(`\$\{([A-Za-z0-9_:\-]+)\}`)

// fill puts the values of variables into a text. An unknown one stays.
func (r *replayer) fill(text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		if value, known := r.values[name[2:len(name)-1]]; known {
			return value
		}
		return name
	})
}

// send sends the request, again and again where the exchange waits for a
// state, and captures what later ones need.
func (r *replayer) send(x *exchange) (*answer, error) {
	got, err := r.once(x)
	if x.Poll != nil {
		deadline := time.Now().Add(time.Duration(x.Poll.MaxS * float64(time.Second)))
		for err == nil && !x.Poll.reached(got) && time.Now().Before(deadline) {
			got, err = r.once(x)
		}
	}
	if err != nil {
		return nil, err
	}
	body, _ := decode(got.body)
	for name, path := range x.Cap {
		value, found := dig(body, path)
		if !found {
			value = "uncaptured-" + name
		}
		r.set(name, fmt.Sprint(value))
	}
	return got, nil
}

// once opens a connection for one request, as the recording client did.
func (r *replayer) once(x *exchange) (*answer, error) {
	w, err := dial(r.address)
	if err != nil {
		return nil, err
	}
	defer w.close()
	header := http.Header{}
	for name, value := range x.Request.Headers {
		header.Set(name, r.fill(value))
	}
	r.identify(header, x.Request.As, "X-")
	r.identify(header, x.Request.Service, "X-Service-")
	var body []byte
	switch {
	case x.Request.Raw != nil:
		body = []byte(r.fill(*x.Request.Raw))
	case x.Request.Body != nil:
		body = []byte(r.fill(string(x.Request.Body)))
	}
	path := r.fill(x.Request.Path)
	if path == "" {
		path = "/"
	}
	return w.roundTrip(x.Request.Method, path, header, body)
}

// identify sets the header with the token of a user (prefix X-) or a service
// (X-Service-), or those by which an authenticating proxy names them.
func (r *replayer) identify(header http.Header, name, prefix string) {
	token := "X-Auth-Token"
	if prefix == "X-Service-" {
		token = "X-Service-Token"
	}
	switch name {
	case "", "none":
		return
	case "badtoken":
		header.Set(token, "not-a-token")
		return
	}
	if r.tokens != nil {
		header.Set(token, r.tokens[name])
		return
	}
	id := r.identities[name]
	header.Set(token, name)
	header.Set(prefix+"Identity-Status", "Confirmed")
	header.Set(prefix+"User-Id", id.UserID)
	header.Set(prefix+"Project-Id", id.ProjectID)
	header.Set(prefix+"Roles", strings.Join(id.Roles, ","))
}
