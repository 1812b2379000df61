package bitstream

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/arqd/arqd/devices"
	"github.com/arqd/arqd/devices/fixture"
)

const content = "a bitstream"

// source gives one image for every uuid.
type source struct {
	devices.Images // whose other methods are not for loading
	body           io.ReadCloser
	image          devices.Image
}

func (s source) Open(context.Context, uuid.UUID) (io.ReadCloser, devices.Image, error) {
	return s.body, s.image, nil
}

// sourceOf promises one text and delivers another.
func sourceOf(promised, delivered string) source {
	sum := md5.Sum([]byte(promised))
	return source{
		body:  io.NopCloser(strings.NewReader(delivered)),
		image: devices.Image{Size: int64(len(promised)), Hash: "md5", Digest: hex.EncodeToString(sum[:])},
	}
}

// tool writes a program of shell lines and gives its name.
func tool(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+strings.Join(lines, "\n")+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func load(ctx context.Context, l *Loader, tool string) error {
	return loadAs(ctx, l, tool, devices.Image{})
}

// loadAs has the command say what the image should be.
func loadAs(ctx context.Context, l *Loader, tool string, content devices.Image) error {
	c := devices.Command{Image: uuid.MustParse("7d0f4c1e-8c5c-4d3a-9c2b-2f6f1b1f0a01"), Content: content}
	return l.Load(ctx, c, "/nonexistent/card", ".gbs", tool, func(file string) []string {
		return []string{"--bus", "a b;c", file}
	})
}

// isEmpty says whether no file was left behind.
func isEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTheToolGetsTheImage(t *testing.T) {
	dir := t.TempDir()
	saw := filepath.Join(t.TempDir(), "saw")
	l := &Loader{Images: fixture.Images(content), Dir: dir, Limit: time.Minute}
	if err := load(t.Context(), l, tool(t, `printf '%s\n' "$1" "$2" "${3##*/}" > `+saw, `cat "$3" >> `+saw)); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(saw)
	lines := bytes.Split(got, []byte("\n"))
	if len(lines) != 4 || string(lines[0]) != "--bus" || string(lines[1]) != "a b;c" || string(lines[3]) != content {
		t.Fatalf("the tool saw %q", got)
	}
	if name := string(lines[2]); !strings.HasPrefix(name, "7d0f4c1e-8c5c-4d3a-9c2b-2f6f1b1f0a01") || !strings.HasSuffix(name, ".gbs") {
		t.Errorf("the file was called %s", name)
	}
	isEmpty(t, dir)
}

// awaitEnd waits until a process is no more than an entry of the kernel's.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	ticks := time.NewTicker(5 * time.Millisecond)
	defer ticks.Stop()
	for range 4000 {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		<-ticks.C
	}
	t.Errorf("process %d is still there", pid)
}

func TestAToolThatFails(t *testing.T) {
	dir := t.TempDir()
	l := &Loader{Images: fixture.Images(content), Dir: dir}
	err := load(t.Context(), l, tool(t, "echo wrong region >&2", "exit 3"))
	if err == nil || !strings.Contains(err.Error(), "wrong region") || !strings.Contains(err.Error(), "exit status 3") ||
		errors.Is(err, devices.ErrUnknownState) {
		t.Errorf("error %v", err)
	}
	if err := load(t.Context(), &Loader{Images: fixture.Images(content), Dir: dir}, "/nonexistent/tool"); !errors.Is(err, os.ErrNotExist) ||
		errors.Is(err, devices.ErrUnknownState) {
		t.Errorf("without the tool: %v", err)
	}
	if err := load(t.Context(), l, tool(t, "kill -9 $$")); !errors.Is(err, devices.ErrUnknownState) {
		t.Errorf("killed: %v", err)
	}
	isEmpty(t, dir)
}

// Two processes do not load into one card at the same time, not even while a child of
// a tool that was killed is at it.
func TestOneToolForACard(t *testing.T) {
	card, mark := t.TempDir(), filepath.Join(t.TempDir(), "at-work")
	l := &Loader{Images: fixture.Images(content), Dir: t.TempDir()}
	loadInto := func(card, tool string) error {
		return l.Load(t.Context(), devices.Command{Image: uuid.New()}, card, ".gbs", tool, func(string) []string { return nil })
	}
	slow := tool(t, "sleep 600 > /dev/null 2>&1 & echo $! > "+mark, "kill -9 $$")
	if err := loadInto(card, slow); !errors.Is(err, devices.ErrUnknownState) {
		t.Errorf("killed: %v", err)
	}
	quick := tool(t, "exit 0")
	if err := loadInto(card, quick); !errors.Is(err, ErrAtWork) || errors.Is(err, devices.ErrUnknownState) {
		t.Errorf("while a child is at work: %v", err)
	}
	if err := loadInto(t.TempDir(), quick); err != nil {
		t.Errorf("another card: %v", err)
	}
	raw, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	awaitEnd(t, pid)
	if err := loadInto(card, quick); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// What the tool has started ends with it, and does not hold up the driver.
func TestAToolThatHangs(t *testing.T) {
	dir := t.TempDir()
	child := filepath.Join(t.TempDir(), "child")
	slow := tool(t, "sleep 600 &", "echo $! > "+child, "sleep 600")
	l := &Loader{Images: fixture.Images(content), Dir: dir, Limit: 100 * time.Millisecond}
	if err := load(t.Context(), l, slow); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "longer than 100ms") ||
		!errors.Is(err, devices.ErrUnknownState) {
		t.Errorf("beyond its limit: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := load(ctx, &Loader{Images: fixture.Images(content), Dir: dir, Limit: time.Minute}, slow); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beyond its context: %v", err)
	}
	isEmpty(t, dir)
	if raw, err := os.ReadFile(child); err == nil { // it may not have come that far
		pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		awaitEnd(t, pid)
	}
}

func TestAnImageThatIsNotWhole(t *testing.T) {
	never := tool(t, "touch "+filepath.Join(t.TempDir(), "run"))
	for name, delivered := range map[string]string{"short": "a bit", "long": content + "!", "another": "A bitstream"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := load(t.Context(), &Loader{Images: sourceOf(content, delivered), Dir: dir}, never); !errors.Is(err, ErrDamaged) {
				t.Errorf("error %v", err)
			}
			isEmpty(t, dir)
		})
	}
	// The command's word counts, not the source's.
	_, other, _ := fixture.Images("another one").Open(t.Context(), uuid.Nil)
	if err := loadAs(t.Context(), &Loader{Images: fixture.Images(content), Dir: t.TempDir()}, never, other); !errors.Is(err, ErrDamaged) {
		t.Errorf("another than the command says: %v", err)
	}
	if err := load(t.Context(), &Loader{Images: source{body: io.NopCloser(strings.NewReader(""))}, Dir: t.TempDir()}, never); !errors.Is(err, ErrDamaged) {
		t.Errorf("without a checksum: %v", err)
	}
	if err := load(t.Context(), &Loader{Dir: t.TempDir()}, never); !errors.Is(err, ErrNoImages) {
		t.Errorf("from nowhere: %v", err)
	}
}

// A transfer that hangs ends with the context.
func TestAnImageThatDoesNotCome(t *testing.T) {
	body, _ := io.Pipe()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	stuck := source{body: body, image: devices.Image{Size: 5, Hash: "sha512"}}
	if err := load(ctx, &Loader{Images: stuck, Dir: dir}, "/bin/true"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	isEmpty(t, dir)
}
