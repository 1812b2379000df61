package test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// formerHosts is the configuration under which the store of format 1 was made.
var formerHosts = options{"fake.hosts": "compute1,compute2", "fake.handles_per_device": "4"}

// unpack extracts an archive of plain files and folders into dir.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	zipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(zipped); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.Clean("/"+head.Name))
		if head.FileInfo().IsDir() {
			err = os.MkdirAll(name, 0o700)
		} else {
			var content []byte
			if content, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(name, content, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoreOfFormat1 starts on a state directory that the first version left,
// with ARQs in every state that rests. It is as it was, and is gone on with.
func TestStoreOfFormat1(t *testing.T) {
	sample := filepath.Join("testdata", "store-format-1")
	n := newNode(t, formerHosts)
	unpack(t, filepath.Join(sample, "store.tar.gz"), n.state())
	want, err := os.ReadFile(filepath.Join(sample, "dump.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if got := n.store("dump"); got != string(want) {
		t.Errorf("before the upgrade the store holds\n%s\nwant\n%s", got, want)
	}

	p := n.start()
	p.awaitLog(readyLimit, "the store was brought to a newer format; an older arqd will refuse it")
	c := p.client()
	var states []string
	for _, a := range c.arqs("") {
		states = append(states, a.State)
	}
	slices.Sort(states)
	if got := strings.Join(states, " "); got != "BindFailed Bound Bound Initial Initial Unbound" {
		t.Errorf("ARQs are %s", got)
	}
	p.checkHandles(c, 8)
	p.stop()
	if got := n.store("dump"); got != string(want) {
		t.Errorf("after the upgrade the store holds\n%s\nwant\n%s", got, want)
	}

	p = n.start()
	c = p.client()
	made := c.create("one")
	c.delete(made...)
	p.kill()
	if got := n.store("verify"); !strings.Contains(got, "arq       6\n") {
		t.Errorf("verify says %s", got)
	}
}
