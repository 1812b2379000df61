package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/arqd/arqd/"

// The doors between the rooms: which of ours a room may import, and whose
// libraries are a room's alone. The linter says the same; this holds it where
// no linter is at hand.
var doors = []struct {
	room  string
	may   []string // prefixes of our own packages
	alone []string // prefixes of others' packages that no other room imports
}{
	{"persistence/badger", []string{"persistence"}, []string{"github.com/dgraph-io/badger"}},
	{"persistence", []string{"persistence"}, nil},
	{"devices", []string{"devices"}, nil},
	// devices/protocol has the words that agents and the service exchange.
	{"actors", []string{"actors", "devices", "devices/protocol", "persistence"}, []string{"github.com/asynkron/protoactor-go"}},
	{"http/auth", []string{"http/auth"}, nil},
	// Glance's client is a devices.Images, which cmd hands to those who load images.
	{"http/openstack/glance", []string{"http/openstack", "devices"}, nil},
	{"http/agents", []string{"http/agents", "actors", "devices", "devices/protocol"}, nil},
	{"http", []string{"http", "actors"}, []string{"github.com/fasthttp/router"}},
	// The fleet speaks as agents do.
	{"bench/fleet", []string{"bench", "devices", "devices/protocol"}, nil},
	{"bench", []string{"bench"}, nil},
	{"cmd", []string{""}, nil},
}

func TestRoomsImportOneWay(t *testing.T) {
	owner := map[string]string{} // of a library that is one room's alone
	for _, d := range doors {
		for _, l := range d.alone {
			owner[l] = d.room
		}
	}
	files := 0
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		path = strings.TrimPrefix(filepath.ToSlash(path), "../")
		i := slices.IndexFunc(doors, func(d struct {
			room       string
			may, alone []string
		},
		) bool {
			return strings.HasPrefix(path, d.room+"/")
		})
		if i < 0 {
			return nil
		}
		files++
		for _, imported := range importsOf(t, "../"+path) {
			checkImport(t, path, doors[i].room, doors[i].may, imported, owner)
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}

func importsOf(t *testing.T, path string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, i := range f.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		imports = append(imports, p)
	}
	return imports
}

func checkImport(t *testing.T, path, room string, may []string, imported string, owner map[string]string) {
	t.Helper()
	if ours, is := strings.CutPrefix(imported, module); is {
		ok := slices.ContainsFunc(may, func(p string) bool { return p == "" || ours == p || strings.HasPrefix(ours, p+"/") })
		// Only cmd and tests choose adapters and drivers.
		adapter := strings.HasPrefix(ours, "persistence/") || strings.HasPrefix(ours, "devices/")
		if !ok || adapter && room != "cmd" && !strings.HasPrefix(ours, room) && !slices.Contains(may, ours) {
			t.Errorf("%s imports %s", path, ours)
		}
	}
	for library, of := range owner {
		if strings.HasPrefix(imported, library) && of != room && !strings.HasPrefix(room, of+"/") {
			t.Errorf("%s imports %s, which is %s's alone", path, imported, of)
		}
	}
}
