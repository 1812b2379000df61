package agents

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/protocol"
)

// waited is what an agent has asked for.
type waited struct {
	session uuid.UUID
	after   uint64
	wait    time.Duration
}

// worker is a Backend with commands and an image.
type worker struct {
	Backend
	asked    chan waited
	commands []protocol.Command
	content  string
	closed   chan struct{}
	fails    error
}

func (w *worker) Serving() bool { return true }

func (w *worker) AwaitCommands(ctx context.Context, _ string, session uuid.UUID, after uint64, wait time.Duration) ([]protocol.Command, error) {
	w.asked <- waited{session, after, wait}
	if wait == time.Minute {
		<-ctx.Done() // as if nothing came
	}
	return w.commands, nil
}

func (w *worker) OpenImage(_ context.Context, host string, _, _ uuid.UUID) (io.ReadCloser, devices.Image, error) {
	if host != "a" {
		return nil, devices.Image{}, forbidden("no command for this host names the image")
	}
	return &closing{io.MultiReader(strings.NewReader(w.content), failing{w.fails}), w.closed},
		devices.Image{Size: int64(len(w.content)), Hash: "sha256", Digest: "00ff"}, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

type closing struct {
	io.Reader
	closed chan struct{}
}

func (c *closing) Close() error {
	close(c.closed)
	return nil
}

func startWith(t *testing.T, w *worker) *node {
	t.Helper()
	n := start(t, nil)
	n.backend = w
	w.asked, w.closed = make(chan waited, 1), make(chan struct{})
	return n
}

func TestWaitingForCommands(t *testing.T) {
	w := &worker{}
	n := startWith(t, w)
	path, id := protocol.CommandsPath("a"), uuid.New()
	for query, want := range map[string]waited{
		"?session=" + id.String():                       {id, 0, protocol.Wait},
		"?session=" + id.String() + "&after=7&wait=0.5": {id, 7, time.Second / 2},
	} {
		n.want(204, "", "GET", path+query, tokenA, nil)
		if got := <-w.asked; got != want {
			t.Errorf("%s asks for %+v", query, got)
		}
	}
	w.commands = []protocol.Command{{ID: id}}
	n.want(200, "", "GET", path+"?session="+id.String(), tokenA, nil)
	<-w.asked
	for _, query := range []string{"", "?session=x", "?session=" + id.String() + "&after=-1", "?session=" + id.String() + "&wait=61", "?session=" + id.String() + "&wait=NaN"} {
		n.want(400, protocol.CodeInvalid, "GET", path+query, tokenA, nil)
	}
	n.want(404, protocol.CodeNotFound, "POST", path+"/x/result", tokenA, text("{}"))
}

// Polls that wait do not keep the server from stopping.
func TestShutdownEndsPolls(t *testing.T) {
	w := &worker{}
	n := startWith(t, w)
	status := make(chan int)
	go func() {
		s, _ := n.ask("GET", protocol.CommandsPath("a")+"?wait=60&session="+uuid.NewString(), tokenA, nil)
		status <- s
	}()
	<-w.asked
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := n.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if s := <-status; s != 204 {
		t.Errorf("the poll is answered %d", s)
	}
}

// image asks for an image. The body of the answer is read, and closed.
func (n *node) image(headers ...string) (status int, header http.Header, body string, err error) {
	n.t.Helper()
	req, _ := http.NewRequestWithContext(n.t.Context(), http.MethodGet,
		n.url+protocol.ImagePath(uuid.New())+"?host=a&session="+uuid.NewString(), nil)
	req.Header.Set("Authorization", "Bearer "+tokenA)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := n.http.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(content), err
}

// An image comes as a stream with its digest, or from where it was broken off.
func TestImages(t *testing.T) {
	content := strings.Repeat("0123456789", 100_000)
	for header, want := range map[string]struct {
		status int
		body   string
	}{
		"":               {200, content},
		"bytes=999990-":  {206, "0123456789"},
		"bytes=1000000-": {416, ""},
		"bytes=0-":       {200, content},
		"bytes=5-6":      {200, content}, // not understood: all of it
		"lines=7-":       {200, content},
	} {
		w := &worker{content: content}
		n := startWith(t, w)
		status, answer, body, err := n.image("Range", header)
		if err != nil || status != want.status || body != want.body {
			t.Errorf("%q: %d, %d bytes, %v", header, status, len(body), err)
		}
		if want.status < 300 && answer.Get("Digest") != "sha-256=AP8=" {
			t.Errorf("%q: digest %q", header, answer.Get("Digest"))
		}
		if want.status == 206 && answer.Get("Content-Range") != "bytes 999990-999999/1000000" {
			t.Errorf("%q: %q", header, answer.Get("Content-Range"))
		}
		<-w.closed
	}
}

// What turns out to be wrong at its end does not come to an end.
func TestAnImageThatIsWrong(t *testing.T) {
	w := &worker{content: strings.Repeat("x", 100_000), fails: errors.New("the digest is another")}
	n := startWith(t, w)
	w.content = w.content[:99_999]
	n.backend = shorter{w}
	if _, _, body, err := n.image(); err == nil {
		t.Errorf("%d bytes came without an error", len(body))
	}
	<-w.closed
}

// shorter announces one byte more than there is: the last one comes only if all
// was right.
type shorter struct{ *worker }

func (s shorter) OpenImage(ctx context.Context, host string, session, image uuid.UUID) (io.ReadCloser, devices.Image, error) {
	content, about, err := s.worker.OpenImage(ctx, host, session, image)
	about.Size++
	return content, about, err
}

func TestAnImageForAnotherHost(t *testing.T) {
	n := startWith(t, &worker{})
	path := protocol.ImagePath(uuid.New()) + "?session=" + uuid.NewString()
	n.want(403, protocol.CodeForbidden, "GET", path+"&host=a", tokenB, nil)
	n.want(403, protocol.CodeForbidden, "GET", path+"&host=b", tokenB, nil)
	n.want(403, protocol.CodeForbidden, "GET", path, tokenB, nil)
	n.want(400, protocol.CodeInvalid, "GET", protocol.ImagePath(uuid.New())+"?host=a", tokenA, nil)
	n.want(404, protocol.CodeNotFound, "GET", protocol.Prefix+"/images/x?host=a", tokenA, nil)
}
