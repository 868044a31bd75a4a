package admin_test

import (
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graygate/admin"
	"graygate/internal/testkit"
)

// A gateway is ready when all its audiences are loaded, and says which are not.
func TestReadyWhenAudiencesAreLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "beta.txt")
	if err := os.WriteFile(path, []byte("alice\nbob\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("tcp", testkit.Listen)
	if err != nil {
		t.Fatal(err)
	}
	s := admin.New(slog.New(slog.DiscardHandler), "test", "test.yaml")
	if err := s.Listen(admin.Settings{Address: socket.Addr().String()}, socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	client := testkit.Dial(t, socket.Addr().String()) // one connection: each has a goroutine that the server keeps for a while
	get := func(path string) *testkit.Response {
		return client.Do(strings.Replace(testkit.Get(path), "example.test", "localhost", 1))
	}
	get("/healthz") // from here on the server has the goroutines that it keeps
	b := testkit.Serve(t, testkit.OK("fine"))
	config := func(audiences string) string { return testkit.Config(testkit.Pool(b), nil, "audiences:\n"+audiences) }
	file := "  beta: {file: " + path + "}\n"
	hanging := "  vips: {redis: \"redis://" + testkit.Hanging(t).Addr + "/0\", key: vips}\n"
	row := func(name string, wantStatus int, want string) {
		t.Helper()
		got := get("/readyz")
		if got.StatusCode != wantStatus || got.Text != want {
			t.Errorf("%s: got %d %q, want %d %q", name, got.StatusCode, got.Text, wantStatus, want)
		}
	}
	row("before there is a gateway", 503, "not ready\nit is starting\n")
	p := testkit.Gateway(t, config(file))
	s.Serves(p.Gateway)
	testkit.Until(t, "the file to be loaded", func() bool { return s.Status().Ready })
	row("loaded", 200, "ready\n")
	p.MustReload(config(file + hanging))
	row("one of two is loading", 503, "not ready\naudience vips is loading\n")
	var status admin.Status
	if err := json.Unmarshal([]byte(get("/status").Text), &status); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range status.Audiences {
		names = append(names, a.Name)
	}
	if got := status.Audiences[0]; strings.Join(names, " ") != "beta vips" || !got.Loaded || got.Members != 2 || got.Bytes == 0 || got.Since.IsZero() ||
		status.Audiences[1].Loaded || status.Ready {
		t.Errorf("status: got %+v, ready %v, want beta with 2 members, vips loading, and not ready", status.Audiences, status.Ready)
	}
	p.MustReload(config(file))
	row("without the one that is loading", 200, "ready\n")
	s.Draining()
	row("draining", 503, "not ready\nit is draining: it takes no new connections, and ends with the requests that it has\n")
	if st := s.Status(); st.Ready || !st.Draining {
		t.Errorf("status while draining: got ready %v, draining %v", st.Ready, st.Draining)
	}
}
