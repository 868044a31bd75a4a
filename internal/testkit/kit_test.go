package testkit_test

import (
	"testing"

	"graygate/internal/testkit"
)

func TestKit(t *testing.T) {
	stable := testkit.Serve(t, testkit.Echo("stable"))
	gray := testkit.Serve(t, testkit.Echo("gray"))
	log := testkit.NewAccessLog(t)
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(stable), testkit.Pool(gray), log.YAML()))
	c := testkit.Dial(t, p.Addr)
	for _, row := range []struct{ request, want string }{
		{testkit.Get("/"), "stable"},
		{testkit.Get("/", "X-Gray-Tag: gray"), "gray"},
		{testkit.Post("/x", "body", "Cookie: gray_version=v2"), "gray"},
	} {
		if got := c.Do(row.request).Header.Get("X-Backend"); got != row.want {
			t.Errorf("%q: got %s, want %s", row.request, got, row.want)
		}
	}
	if lines := log.Wait(3); lines[2]["method"] != "POST" || lines[2]["tag"] != "gray" {
		t.Errorf("access log: got %v", lines)
	}
}
