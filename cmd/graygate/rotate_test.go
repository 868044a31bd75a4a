package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A file that is renamed, and then the signal: what comes next is in a new file, and nothing is lost.
func TestRotateAccessLog(t *testing.T) {
	upstream := strings.TrimPrefix(backend(t, "good").URL, "http://")
	p := prepare(t, upstream)
	path := filepath.Join(t.TempDir(), "access.log")
	text, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(string(text), "access_log: off", "access_log: {to: "+path+", fields: [target], sample: all}", 1)
	if err := os.WriteFile(p.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	holds := func(path, want string) func() bool {
		return func() bool {
			got, _ := os.ReadFile(path)
			return string(got) == want
		}
	}
	p.get("/1")
	until(t, "the first line", holds(path, "{\"target\":\"/1\"}\n"))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	p.get("/2")
	until(t, "the second line in the renamed file", holds(path+".1", "{\"target\":\"/1\"}\n{\"target\":\"/2\"}\n"))
	p.signal(syscall.SIGUSR1)
	until(t, "a new file", holds(path, ""))
	until(t, "the log to be reopened", func() bool { return strings.Contains(p.said(), "the access log was reopened") })
	p.get("/3")
	until(t, "the third line in the new file", holds(path, "{\"target\":\"/3\"}\n"))

	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGUSR1)
	until(t, "the failure to be told", func() bool { return strings.Contains(p.said(), "the access log stays in the file that it is in") })
	if status, body := p.get("/4"); status != 200 || body != "good" {
		t.Errorf("after a failure to reopen: got %d %q, want 200 good", status, body)
	}
	p.signal(syscall.SIGTERM)
	if err := p.waitEnd(); err != nil {
		t.Errorf("the end: %v", err)
	}
}
