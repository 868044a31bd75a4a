package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	row := func(name, text, want string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if text != "" {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p, err := Read(path)
		var errs Errors
		if want == "" && err == nil && p != nil {
			return
		}
		if !errors.As(err, &errs) || p != nil {
			t.Fatalf("%s: got %v, %v, want Errors", name, p, err)
		}
		if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
	row("good.yaml", complete(""), "")
	row("missing.yaml", "", "DIR/missing.yaml: cannot be read: no such file or directory; look at the path, or begin with a copy of examples/quickstart.yaml")
	row("", "", "DIR: cannot be read: is a directory")
	row("bad.yaml", complete("loops: 0\n"), "DIR/bad.yaml:1:8: loops is 0; write auto, or give at least 1\n    loops: 0\n           ^")
	row("large.yaml", complete("# "+strings.Repeat("x", MaxFileBytes)+"\n"), "DIR/large.yaml:1:1: the file is larger than 4MiB; is this the right file?")
}
