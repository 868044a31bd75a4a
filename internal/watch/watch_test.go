package watch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The way to a file is known with all links on it.
func TestTrace(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.MkdirAll(at("a/b"), 0o700), os.Symlink("a", at("up")), os.Symlink("b", at("a/c")), os.Symlink(at("up/c/f"), at("f")), os.Symlink("loop", at("loop"))); err != nil {
		t.Fatal(err)
	}
	row := func(path string, want ...string) {
		t.Helper()
		got := trace(at(path))
		for i := range want {
			want[i] = at(want[i])
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s\n got %q\nwant %q", path, got, want)
		}
	}
	row("a/b/f", "a/b/f")
	row("a/c/f", "a/c", "a/b/f")
	row("f", "f", "up", "a/c", "a/b/f")
	row("none/f", "none/f")
	if got := trace(at("loop")); len(got) != maxLinks+1 {
		t.Errorf("a link to itself: %d names, want %d", len(got), maxLinks+1)
	}
}
