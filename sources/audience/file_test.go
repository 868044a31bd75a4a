package audience

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// replace writes a file beside another and renames it to its name.
func replace(t *testing.T, file, text string) {
	t.Helper()
	write(t, file+".new", text)
	rename(t, file+".new", file)
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

func TestFileIsFollowed(t *testing.T) {
	l, log := newLoader(t)
	file := filepath.Join(t.TempDir(), "beta.txt")
	write(t, file, "alice\r\nbob\n\nbob\n")
	a := start(t, l, Config{Name: "beta", File: file, MaxMembers: 4})
	s := wait(t, a, "the first load", loadedWith(2))
	if want := (Status{Name: "beta", Loaded: true, Members: 2, Bytes: s.Bytes, Since: s.Since}); s != want || s.Bytes <= 0 || s.Since.IsZero() {
		t.Errorf("status\n got %+v\nwant %+v", s, want)
	}
	expect(t, a, "alice", "bob", "!bob\r", "!", "!carol")

	write(t, file, "carol\n")
	wait(t, a, "a file written over", loadedWith(1))
	expect(t, a, "!alice", "carol")

	replace(t, file, "1\n2\n3\n")
	wait(t, a, "a file replaced", loadedWith(3))
	expect(t, a, "!carol", "1", "3")

	refused := func(what, text, want string) {
		t.Helper()
		replace(t, file, text)
		if got := wait(t, a, what, func(s Status) bool { return s.LastError == want }); got.Members != 3 || !got.Loaded {
			t.Errorf("%s: status %+v", what, got)
		}
		expect(t, a, "1", "2", "3", "!4")
	}
	refused("a line too long", "4\n5\n"+strings.Repeat("x", 300), file+":3: a member of 300 bytes, and units have at most 256; take it out")
	refused("too many members", "4\n5\n6\n7\n8", "more than 4 members; raise max_members, and mind the memory, or make the audience smaller")

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	gone := file + ": there is no such file; mend its name, or put it there"
	wait(t, a, "a file gone", func(s Status) bool { return s.LastError == gone && s.Members == 3 })
	expect(t, a, "1", "2", "3", "!4")

	write(t, file, "4\n5\n")
	wait(t, a, "a file back", loadedWith(2))
	expect(t, a, "!3", "4", "5")
	for _, said := range []string{"audience loaded", "audience not loaded: the members that it had stay", gone} {
		if !strings.Contains(log.String(), said) {
			t.Errorf("the log does not say %q:\n%s", said, log)
		}
	}
}

// A Kubernetes volume: the file is a link to ..data/beta.txt, ..data one to a folder, and a new folder takes its place by
// a rename of the link.
func TestFileBehindLinks(t *testing.T) {
	l, _ := newLoader(t)
	volume := t.TempDir()
	version := func(name, text string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(volume, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(volume, name, "beta.txt"), text)
		link(t, name, filepath.Join(volume, "..tmp"))
		rename(t, filepath.Join(volume, "..tmp"), filepath.Join(volume, "..data"))
	}
	version("..1", "one\n")
	link(t, "..data/beta.txt", filepath.Join(volume, "beta.txt"))
	// The folder of the config is a link as well, somewhere else.
	config := filepath.Join(t.TempDir(), "config")
	link(t, volume, config)
	a := start(t, l, Config{Name: "beta", File: filepath.Join(config, "beta.txt")})
	wait(t, a, "the first load", loadedWith(1))
	expect(t, a, "one")

	version("..2", "one\ntwo\n")
	wait(t, a, "the volume's update", loadedWith(2))
	expect(t, a, "one", "two")

	write(t, filepath.Join(volume, "..2", "beta.txt"), "1\n2\n3\n")
	wait(t, a, "a change where the links lead", loadedWith(3))

	other := t.TempDir()
	write(t, filepath.Join(other, "beta.txt"), "1\n2\n3\n4\n")
	link(t, other, config+".new")
	rename(t, config+".new", config)
	wait(t, a, "another folder", loadedWith(4))
}

// Where nothing can be watched, files are looked at now and then.
func TestFileIsLookedAt(t *testing.T) {
	l, _ := newLoader(t)
	l.watcher.Close()
	file := filepath.Join(t.TempDir(), "beta.txt")
	write(t, file, "one\n")
	a, err := l.Open(Config{Name: "beta", File: file})
	if err != nil {
		t.Fatal(err)
	}
	a.source.(*fileSource).poll = time.Millisecond
	a.Start(nil)
	t.Cleanup(a.Close)
	wait(t, a, "the first load", loadedWith(1))
	replace(t, file, "one\ntwo\n")
	wait(t, a, "a change", loadedWith(2))
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wait(t, a, "its end", failing)
	replace(t, file, "1\n2\n3\n")
	wait(t, a, "a new one", loadedWith(3))
}
