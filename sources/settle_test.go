package sources

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// A process that answers once waits until audiences are loaded, or are known not to be.
func TestSettle(t *testing.T) {
	file := filepath.Join(t.TempDir(), "beta.txt")
	if err := os.WriteFile(file, []byte("ivan\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	r := New(nil)
	defer r.Close()
	lookups, change, err := r.Prepare(Config{Audiences: []AudienceConfig{
		{Name: "beta", File: file},
		{Name: "refused", RedisURL: "redis://127.0.0.1:1/0", RedisKey: "k"},
		{Name: "silent", RedisURL: "redis://" + silent.Addr().String() + "/0", RedisKey: "k"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	change.Commit()
	only := func(name string) func(AudienceConfig) bool {
		return func(c AudienceConfig) bool { return c.Name == name }
	}
	for _, name := range []string{"beta", "refused"} {
		if err := r.Settle(t.Context(), only(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !lookups.Audiences["beta"].Contains([]byte("ivan")) {
		t.Error("ivan is not in beta")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Settle(ended, only("silent")); !errors.Is(err, context.Canceled) {
		t.Errorf("silent: %v, want that the waiting was given up", err)
	}
	var failed []string
	for _, s := range r.Status() {
		if !s.Loaded && s.LastError != "" {
			failed = append(failed, s.Name)
		}
	}
	if want := []string{"refused"}; !reflect.DeepEqual(failed, want) {
		t.Errorf("%q have failed, want %q", failed, want)
	}
}
