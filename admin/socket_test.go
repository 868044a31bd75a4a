package admin_test

import (
	"bufio"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graygate/admin"
	"graygate/internal/testkit"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// over asks on a socket file for /status, and gives the status code; 0: nobody answers.
func over(t testing.TB, path string) int {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		return 0
	}
	defer c.Close()
	fmt.Fprint(c, text("GET", "/status", ""))
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	discard(r.Body)
	return r.StatusCode
}

// The server answers on a socket file with the permissions that are said, and removes it when it leaves.
func TestSocketFile(t *testing.T) {
	d := bareDesk(t, admin.Settings{}, nil)
	dir := t.TempDir()
	path, other := filepath.Join(dir, "admin.sock"), filepath.Join(dir, "other.sock")
	listen := func(settings admin.Settings, want string) {
		t.Helper()
		err := d.Listen(settings, nil)
		if got := strings.ReplaceAll(fmt.Sprint(err), path, "FILE"); got != want {
			t.Fatalf("%+v: got %s, want %s", settings, got, want)
		}
	}
	mode := func(want fs.FileMode) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil || info.Mode() != want|fs.ModeSocket || over(t, path) != 200 {
			t.Fatalf("the file: got %v, %v, answer %d; want mode %v", info, err, over(t, path), want)
		}
	}
	listen(admin.Settings{Address: "unix:" + path}, "<nil>")
	mode(0o660)
	if r, err := net.Dial("tcp", d.address); err == nil {
		_ = r.Close()
		t.Error("the address before still takes connections")
	}
	listen(admin.Settings{Address: "unix:" + path, Mode: 0o600}, "<nil>")
	mode(0o600)
	listen(admin.Settings{Address: "unix:" + other}, "<nil>")
	if over(t, other) != 200 || over(t, path) != 0 {
		t.Error("moved: got the old one answering, or the new one not")
	}
	write(t, path, "precious")
	listen(admin.Settings{Address: "unix:" + path}, "FILE is there and is no socket; name another path, or remove it")
	if over(t, other) != 200 {
		t.Error("a path that cannot be had: got the old one closed, want it kept")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	// What a process that was killed has left behind is no hindrance; what another one listens on is.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	listen(admin.Settings{Address: "unix:" + path}, "FILE: another process answers there")
	_ = stale.Close()
	listen(admin.Settings{Address: "unix:" + path}, "<nil>")
	mode(0o660)
	d.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("closed: the file is left")
	}
}

// A socket that was handed over: neither who gave it, nor who took it and did not begin to serve, removes its file.
func TestSocketHandedOver(t *testing.T) {
	testkit.Leaks(t)
	path := filepath.Join(t.TempDir(), "admin.sock")
	settings := admin.Settings{Address: "unix:" + path}
	old := bareDesk(t, admin.Settings{}, nil)
	if err := old.Listen(settings, nil); err != nil {
		t.Fatal(err)
	}
	inherit := func() net.Listener {
		t.Helper()
		f, err := old.Socket().(*net.UnixListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		l, err := net.FileListener(f)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	failed := bareDesk(t, admin.Settings{}, nil)
	if err := failed.Listen(settings, inherit()); err != nil {
		t.Fatal(err)
	}
	failed.Close()
	if over(t, path) != 200 {
		t.Fatal("after a successor that failed: nobody answers")
	}
	next := bareDesk(t, admin.Settings{}, nil)
	if err := next.Listen(settings, inherit()); err != nil {
		t.Fatal(err)
	}
	b := testkit.Serve(t, testkit.OK("fine"))
	next.Serves(testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, "")).Gateway)
	old.HandOver()
	old.Close()
	if over(t, path) != 200 {
		t.Error("after the old one has gone: nobody answers")
	}
	next.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("after the new one has gone: the file is left")
	}
}

// An address that is none is said to be so.
func TestAddresses(t *testing.T) {
	d := bareDesk(t, admin.Settings{}, nil)
	for _, address := range []string{"nonsense", "127.0.0.1", "127.0.0.1:99999", "unix:/nowhere/at/all.sock", "unix:" + strings.Repeat("x", 200)} {
		if err := d.Listen(admin.Settings{Address: address}, nil); err == nil {
			t.Errorf("%s: got no error", address)
		}
	}
	if r := d.get("/healthz"); r.StatusCode != 200 {
		t.Errorf("after all that: got %d", r.StatusCode)
	}
	if err := d.Listen(admin.Settings{}, nil); err != nil || d.Socket() != nil {
		t.Errorf("off: got %v, %v", err, d.Socket())
	}
}
