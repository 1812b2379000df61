package auth

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// edit writes the file with a time of its own, as if a while had passed.
func edit(t *testing.T, path, text string, at int) {
	t.Helper()
	write(t, path, text)
	stamp := time.Date(2026, 1, 1, 0, at, 0, 0, time.UTC)
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		t.Fatal(err)
	}
}

func reload(t *testing.T, e *Enforcer, wantChanged, wantError bool) error {
	t.Helper()
	changed, err := e.Reload()
	if changed != wantChanged || (err != nil) != wantError {
		t.Fatalf("changed %v, error %v; want %v and error: %v", changed, err, wantChanged, wantError)
	}
	return err
}

func TestEnforcerWithoutFile(t *testing.T) {
	e, err := NewEnforcer(SetLegacy, "")
	if err != nil {
		t.Fatal(err)
	}
	reload(t, e, false, false)
	if got := allowed(e.Policy(), RuleARQCreate); got != anyone {
		t.Errorf("create: %s", got)
	}
}

func TestEnforcerWantsAGoodFileAtStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if _, err := NewEnforcer(SetNew, path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	write(t, path, "a: rule:a")
	var bad *RuleError
	if e, err := NewEnforcer(SetNew, path); !errors.As(err, &bad) || e != nil {
		t.Errorf("bad file: %v", err)
	}
}

func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	edit(t, path, "cyborg:arq:create: role:manager", 1)
	e, err := NewEnforcer(SetNew, path)
	if err != nil {
		t.Fatal(err)
	}
	in := func(want string) {
		t.Helper()
		if got := allowed(e.Policy(), RuleARQCreate); got != want {
			t.Fatalf("create: %s, want %s", got, want)
		}
	}
	reload(t, e, false, false)
	in("manager")

	edit(t, path, "cyborg:arq:create: role:service", 2) // same size, later
	reload(t, e, true, false)
	in("svc nova")

	edit(t, path, "cyborg:arq:create: role:custom or", 3)
	first := reload(t, e, false, true)
	if again := reload(t, e, false, true); again != first { //nolint:errorlint // the same value is promised
		t.Errorf("another error for the same file: %v", again)
	}
	in("svc nova")

	edit(t, path, "cyborg:arq:create: role:custom", 3) // same time, another size
	reload(t, e, true, false)
	in("norole")

	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	gone := reload(t, e, false, true)
	if again := reload(t, e, false, true); again != gone || !errors.Is(gone, fs.ErrNotExist) { //nolint:errorlint // as above
		t.Errorf("gone: %v, then %v", gone, again)
	}
	in("norole")

	edit(t, path+".new", "cyborg:arq:create: role:reader", 3) // same time and size, another file
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	reload(t, e, true, false)
	in(readers)
}

func TestEnforceDuringReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	edit(t, path, "cyborg:arq:create: role:member", 0)
	e, err := NewEnforcer(SetNew, path)
	if err != nil {
		t.Fatal(err)
	}
	id := persona("demo")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				if !e.Enforce(RuleARQCreate, own(id), id) {
					t.Error("refused between two policies that both allow")
					return
				}
			}
		})
	}
	for i := range 20 {
		text := "cyborg:arq:create: role:member"
		if i%2 == 0 {
			text = "cyborg:arq:create: role:member or role:x"
		}
		edit(t, path, text, i+1)
		reload(t, e, true, false)
	}
	wg.Wait()
}

// A policy file under its default name may come and go while the service runs.
func TestAnOptionalFileComesAndGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	e, err := NewEnforcerWithOptionalFile(SetNew, path)
	if err != nil {
		t.Fatal(err)
	}
	nobody := &Identity{UserID: "u", ProjectID: "p"}
	target := &Target{ProjectID: "p", UserID: "u"}
	want := func(when string, changed, allowed bool) {
		t.Helper()
		got, err := e.Reload()
		if err != nil || got != changed || e.Enforce(RuleARQCreate, target, nobody) != allowed {
			t.Errorf("%s: changed %v, allowed %v, %v", when, got, !allowed, err)
		}
	}
	want("without a file", false, false)
	if err := os.WriteFile(path, []byte("\"cyborg:arq:create\": \"@\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("with a file", true, true)
	want("the same file", false, true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	want("without it again", true, false)
	want("still without", false, false)
}
