package admin_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"graygate/admin"
	"graygate/internal/testkit"
)

// Profiles are given in bounds: of time, and one at a time.
func TestProfiles(t *testing.T) {
	d := bareDesk(t, admin.Settings{}, nil)
	row := func(path, kind, begins string) {
		t.Helper()
		if r := d.get(path); r.StatusCode != 200 || r.Header.Get("Content-Type") != kind || !strings.HasPrefix(r.Text, begins) {
			t.Errorf("%s: got %d %s %.80q, want %s %q", path, r.StatusCode, r.Header.Get("Content-Type"), r.Text, kind, begins)
		}
	}
	const plain, binary, zipped = "text/plain; charset=utf-8", "application/octet-stream", "\x1f\x8b"
	row("/debug/pprof/", plain, "/debug/pprof/allocs\n")
	row("/debug/pprof/heap", binary, zipped)
	row("/debug/pprof/goroutine?debug=1", plain, "goroutine profile: total")
	row("/debug/pprof/cmdline", plain, "")
	row("/debug/pprof/profile?seconds=1", binary, zipped)
	row("/debug/pprof/trace?seconds=1", binary, "go 1.")
	failed(t, "too long", d.get("/debug/pprof/profile?seconds=61"), 400, "bad_parameter")
	failed(t, "too long a trace", d.get("/debug/pprof/trace?seconds=6"), 400, "bad_parameter")
	failed(t, "no such profile", d.get("/debug/pprof/nothing"), 404, "unknown_profile")
	failed(t, "a way out", d.get("/debug/pprof/..%2f..%2fetc%2fpasswd"), 404, "unknown_profile")

	// The first is cut short when the server ends: that is what this test waits for.
	first := testkit.Dial(t, d.address)
	first.Send(text("GET", "/debug/pprof/profile?seconds=60", ""))
	testkit.Until(t, "a profile is being made", func() bool { return d.get("/debug/pprof/heap").StatusCode == 503 })
	failed(t, "a second one", d.get("/debug/pprof/profile"), 503, "busy")
}

// The console's files are served as what they are, with a policy that lets in nothing from elsewhere.
func TestConsoleFiles(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	files := fstest.MapFS{"index.html": file("<p>"), "app.js": file("1"), "lib/a.css": file("a{}"), ".hidden.js": file("no"), "notes.md": file("no")}
	d := bareDesk(t, admin.Settings{TokenFile: tokenFile(t, token)}, func(s *admin.Server) {
		if err := s.SetUI(files); err != nil {
			t.Fatal(err)
		}
	})
	row := func(path, kind, body string) {
		t.Helper()
		r := d.get(path)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != kind || r.Text != body {
			t.Errorf("%s: got %d %s %q, want %s %q", path, r.StatusCode, r.Header.Get("Content-Type"), r.Text, kind, body)
		}
		if csp := r.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: got the policy %q", path, csp)
		}
	}
	row("/ui/", "text/html; charset=utf-8", "<p>")
	row("/ui/index.html", "text/html; charset=utf-8", "<p>")
	row("/ui/app.js", "text/javascript; charset=utf-8", "1")
	row("/ui/lib/a.css", "text/css; charset=utf-8", "a{}")
	if r := d.get("/ui"); r.StatusCode != 308 || r.Header.Get("Location") != "/ui/" {
		t.Errorf("/ui: got %d to %q", r.StatusCode, r.Header.Get("Location"))
	}
	for _, path := range []string{"/ui/.hidden.js", "/ui/notes.md", "/ui/lib", "/ui/lib/", "/ui/../index.html", "/ui/lib/../app.js", "/ui//app.js"} {
		failed(t, path, d.get(path), 404, "not_found")
	}
	large := fstest.MapFS{"a.js": file(strings.Repeat("x", 5<<20))}
	if err := d.SetUI(large); err == nil {
		t.Error("a console of 5 MB: got no error")
	}
}
