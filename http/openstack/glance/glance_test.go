package glance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/http/openstack"
	"github.com/arqd/arqd/http/openstack/openstacktest"
)

// The tests of this package are against a real Glance, one for all of them.
var shared struct {
	once   sync.Once
	glance *openstacktest.Glance
	err    error
}

type run struct{ *testing.M }

func (r run) Run() int {
	defer func() {
		if shared.glance != nil {
			shared.glance.Close()
		}
	}()
	return r.M.Run()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(run{m}) }

func theGlance(t *testing.T) *openstacktest.Glance {
	t.Helper()
	if out, err := exec.Command("../../../test/need", "glance").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Skip(string(out))
	}
	shared.once.Do(func() { shared.glance, shared.err = openstacktest.StartGlance() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.glance
}

func client(t *testing.T, glance string, opts Options) *Client {
	t.Helper()
	k := openstacktest.NewKeystone(t)
	k.SetCatalog(openstacktest.Endpoint{Type: "image", Interface: "public", Region: "one", URL: glance})
	s, err := openstack.NewSession(openstack.Credentials{
		AuthType: openstack.AuthPassword, AuthURL: k.URL, UserID: "u", Password: openstacktest.Password, ProjectID: "p",
	}, openstack.Connection{Timeout: time.Minute, Pause: time.Millisecond, MaxBody: MaxImage})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return New(s, opts)
}

// bitstream is a content that is larger than any buffer on its way.
var bitstream = bytes.Repeat([]byte("0123456789abcdef"), 1<<17)

// read gives what came of an image, and the error at its end.
func read(t *testing.T, c *Client, id uuid.UUID) ([]byte, error) {
	t.Helper()
	r, _, err := c.Open(t.Context(), id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestAnImageIsDescribedAndRead(t *testing.T) {
	g, id := theGlance(t), uuid.New()
	for _, url := range []string{g.URL, g.URL + "/v2", g.URL + "/v2/"} { // as catalogs have it
		c := client(t, url, Options{})
		if url == g.URL {
			g.Create(t, id.String(), bitstream, nil)
		}
		image, err := c.Image(t.Context(), id)
		if err != nil || image.ID != id || image.Size != int64(len(bitstream)) || image.Hash != "sha512" || len(image.Digest) != 128 {
			t.Errorf("%+v, %v", image, err)
		}
		if got, err := read(t, c, id); err != nil || !bytes.Equal(got, bitstream) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
}

func TestImagesThatCannotBeLoaded(t *testing.T) {
	g, queued := theGlance(t), uuid.New()
	g.Create(t, queued.String(), nil, nil)
	c := client(t, g.URL, Options{})
	for name, id := range map[string]uuid.UUID{"unknown": uuid.New(), "without content": queued} {
		if _, err := c.Image(t.Context(), id); !errors.Is(err, devices.ErrNoImage) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := c.Open(t.Context(), id); !errors.Is(err, devices.ErrNoImage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImagesOfAFunction(t *testing.T) {
	g := theGlance(t)
	owner := uuid.NewString()
	add := func(function string, members map[string]any) uuid.UUID {
		id := uuid.New()
		if members == nil {
			members = map[string]any{}
		}
		members[propertyFunction] = function
		g.Create(t, id.String(), []byte(function), members)
		return id
	}
	run := uuid.NewString() // there is one Glance for as often as the tests are run
	odd := `in:a,b & "c" é+% ` + run
	one, strange := add(run+"one", nil), add(odd, nil)
	twice := []uuid.UUID{add(run+"two", nil), add(run+"two", nil)}
	private := add(run+"private", map[string]any{"visibility": "private", "owner": owner})
	g.Create(t, uuid.NewString(), nil, map[string]any{propertyFunction: run + "empty"})

	public, own := client(t, g.URL, Options{}), client(t, g.URL, Options{Owner: owner})
	for _, c := range []struct {
		client   *Client
		function string
		want     []uuid.UUID
	}{
		{public, run + "one", []uuid.UUID{one}},
		{public, run + "two", twice},
		{public, odd, []uuid.UUID{strange}},
		{public, run + "none", nil},
		{public, run + "empty", nil},
		{public, run + "private", nil},
		{public, run + "on", nil},
		{own, run + "private", []uuid.UUID{private}},
		{own, run + "one", nil},
	} {
		found, err := c.client.ImagesFor(t.Context(), c.function)
		ids := map[uuid.UUID]bool{}
		for _, image := range found {
			ids[image.ID] = true
		}
		if err != nil || len(found) != len(c.want) {
			t.Errorf("%s: %v, %v", c.function, found, err)
		}
		for _, id := range c.want {
			if !ids[id] {
				t.Errorf("%s: %v lacks %s", c.function, found, id)
			}
		}
	}
	// An image that is named by its uuid says what it does only if it would be
	// found by that.
	for _, c := range []struct {
		client   *Client
		image    uuid.UUID
		function string
	}{{public, one, run + "one"}, {public, private, ""}, {own, private, run + "private"}, {own, one, ""}} {
		image, err := c.client.Image(t.Context(), c.image)
		if err != nil || image.Function != c.function {
			t.Errorf("%+v, %v; want the function %q", image, err, c.function)
		}
	}
}

// What comes is not what Glance has on record: the real one cannot be made to
// do that, so the door does.
func TestWrongContentIsFoundOut(t *testing.T) {
	g, id := theGlance(t), uuid.New()
	g.Create(t, id.String(), bitstream, nil)
	c := client(t, g.URL, Options{})
	flipped := bytes.Clone(bitstream)
	flipped[1<<20] ^= 1
	for name, wrong := range map[string][]byte{
		"a bit is flipped": flipped, "it is cut": bitstream[:len(bitstream)-1], "nothing comes": {}, "it is longer": append(flipped, 0),
	} {
		g.OnCall(t, func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/file") {
				_, _ = w.Write(wrong)
			}
			return strings.HasSuffix(r.URL.Path, "/file")
		})
		if _, err := read(t, c, id); !errors.Is(err, ErrContent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The connection ends in the middle.
	g.OnCall(t, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/file") {
			w.Header().Set("Content-Length", fmt.Sprint(len(bitstream)))
			_, _ = w.Write(bitstream[:1000])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		return false
	})
	if _, err := read(t, c, id); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("an end in the middle: %v", err)
	}
}

// Descriptions that the real one does not give.
func TestDigests(t *testing.T) {
	id := uuid.New()
	const (
		md5    = "5d41402abc4b2a76b9719d911017c592"
		sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	)
	for name, c := range map[string]struct {
		members string
		want    string // the hash; "": it cannot be loaded
	}{
		"another hash":            {`"os_hash_algo": "sha256", "os_hash_value": "` + strings.ToUpper(sha256) + `"`, "sha256"},
		"only md5":                {`"checksum": "` + md5 + `"`, "md5"},
		"a hash that nobody has":  {`"os_hash_algo": "new", "os_hash_value": "00", "checksum": "` + md5 + `"`, "md5"},
		"a hash without a digest": {`"os_hash_algo": "sha512", "os_hash_value": null, "checksum": null`, ""},
		"none":                    {`"checksum": null`, ""},
	} {
		g := theGlance(t)
		g.OnCall(t, func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/file") {
				_, _ = io.WriteString(w, "hello")
				return true
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"id": %q, "status": "active", "size": 5, %s}`, id, c.members)
			return true
		})
		image, err := client(t, g.URL, Options{}).Image(t.Context(), id)
		if image.Hash != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %+v, %v", name, image, err)
		}
		if got, err := read(t, client(t, g.URL, Options{}), id); (err == nil) != (c.want != "") {
			t.Errorf("%s: read %q, %v", name, got, err)
		}
	}
}

func TestGlanceIsAway(t *testing.T) {
	g := theGlance(t)
	c := client(t, g.URL, Options{})
	for _, status := range []int{500, 503} {
		g.OnCall(t, func(w http.ResponseWriter, _ *http.Request) bool { openstacktest.Refuse(w, status); return true })
		if _, err := c.ImagesFor(t.Context(), "f"); !errors.Is(err, openstack.ErrUnreachable) {
			t.Errorf("%v", err)
		}
		if _, err := c.Image(t.Context(), uuid.New()); !errors.Is(err, openstack.ErrUnreachable) || errors.Is(err, devices.ErrNoImage) {
			t.Errorf("%v", err)
		}
	}
}
