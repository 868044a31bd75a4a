package sources

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"graygate/match"
)

// patience is how long anything may take that a test waits for. Only a failing test waits so long.
const patience = 20 * time.Second

// newRegistry makes a registry that is closed at the end; goroutines that are left then fail the test.
func newRegistry(t *testing.T) *Registry {
	t.Helper()
	before := runtime.NumGoroutine()
	r := New(nil)
	t.Cleanup(func() {
		r.Close()
		r.Close() // which does nothing
		for end := time.Now().Add(patience); runtime.NumGoroutine() > before; {
			runtime.GC() // a cache ends its goroutines once nobody holds it
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				t.Fatalf("left behind: %d goroutines, before %d\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
	return r
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func prepare(t *testing.T, r *Registry, c Config) (match.Lookups, *Change) {
	t.Helper()
	lookups, change, err := r.Prepare(c)
	if err != nil {
		t.Fatal(err)
	}
	return lookups, change
}

func commit(t *testing.T, r *Registry, c Config) match.Lookups {
	t.Helper()
	lookups, change := prepare(t, r, c)
	change.Commit()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.Wait(ctx); err != nil {
		t.Fatalf("not loaded: %v", r.Loading())
	}
	return lookups
}

func file(name, path string) AudienceConfig { return AudienceConfig{Name: name, File: path} }

func TestReloadsKeepWhatIsUnchanged(t *testing.T) {
	r := newRegistry(t)
	beta, vips, testers := write(t, "beta", "alice\n"), write(t, "vips", "bob\ncarol\n"), write(t, "testers", "dave\n")
	one := commit(t, r, Config{Audiences: []AudienceConfig{file("beta", beta), file("vips", vips)}, Agents: true})
	if one.Geo != nil || one.Agents == nil || len(one.Audiences) != 2 {
		t.Errorf("look-ups %+v", one)
	}
	// vips is defined anew, testers comes, beta stays.
	other := file("vips", vips)
	other.MaxMembers = 10
	two := commit(t, r, Config{Audiences: []AudienceConfig{file("testers", testers), file("beta", beta), other}, Agents: true})
	if two.Audiences["beta"] != one.Audiences["beta"] || two.Agents != one.Agents {
		t.Error("what is defined as before is another object")
	}
	if two.Audiences["vips"] == one.Audiences["vips"] {
		t.Error("what is defined anew is the same object")
	}
	var got []AudienceStatus
	for _, s := range r.Status() {
		if s.Bytes <= 0 || s.Since.IsZero() {
			t.Errorf("status %+v", s)
		}
		s.Bytes, s.Since = 0, time.Time{}
		got = append(got, s)
	}
	want := []AudienceStatus{{Name: "testers", Loaded: true, Members: 1}, {Name: "beta", Loaded: true, Members: 1}, {Name: "vips", Loaded: true, Members: 2}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("status\n got %+v\nwant %+v", got, want)
	}
	three := commit(t, r, Config{})
	if three.Geo != nil || three.Agents != nil || len(three.Audiences) != 0 || r.Status() != nil || r.Loading() != nil {
		t.Errorf("look-ups %+v, status %+v, loading %v", three, r.Status(), r.Loading())
	}
	// A request that began before asks on.
	if !two.Audiences["beta"].Contains([]byte("alice")) || two.Audiences["beta"].Contains([]byte("bob")) {
		t.Error("what is given up does not answer any more")
	}
}

func TestDiscardChangesNothing(t *testing.T) {
	r := newRegistry(t)
	beta, vips := write(t, "beta", "alice\n"), write(t, "vips", "bob\n")
	one := commit(t, r, Config{Audiences: []AudienceConfig{file("beta", beta)}})
	before := r.Status()
	_, change := prepare(t, r, Config{Audiences: []AudienceConfig{file("vips", vips)}})
	if _, _, err := r.Prepare(Config{}); !errors.Is(err, errPending) {
		t.Errorf("a second change: %v", err)
	}
	change.Discard()
	change.Commit() // which does nothing then
	if got := r.Status(); !reflect.DeepEqual(got, before) {
		t.Errorf("status\n got %+v\nwant %+v", got, before)
	}
	if two := commit(t, r, Config{Audiences: []AudienceConfig{file("beta", beta)}}); two.Audiences["beta"] != one.Audiences["beta"] {
		t.Error("what was there before is another object")
	}
}

func TestPrepareSaysAllThatIsWrong(t *testing.T) {
	r := newRegistry(t)
	beta, gone := write(t, "beta", "alice\n"), filepath.Join(t.TempDir(), "gone")
	_, change, err := r.Prepare(Config{
		Audiences: []AudienceConfig{file("a", gone), file("beta", beta), file("beta", beta), {Name: "c", RedisURL: "redis://u:secret@h/1", RedisKey: ""}},
		Geo:       GeoConfig{Files: []string{gone}},
	})
	want := strings.Join([]string{
		`audience "a": ` + gone + `: there is no such file; mend its name, or put it there`,
		`audience "beta" is there twice; rename one`,
		`audience "c": no key is set for redis://h/1; name the set that the members are in`,
		`geo: ` + gone + `: there is no such file; mend its name, or put it there`,
	}, "\n")
	if change != nil || err == nil || err.Error() != want {
		t.Errorf("change %v, error\n%v\nwant\n%s", change, err, want)
	}
	commit(t, r, Config{Audiences: []AudienceConfig{file("beta", beta)}})
}

func TestLoadingIsSaid(t *testing.T) {
	r := newRegistry(t)
	nobody := AudienceConfig{Name: "vips", RedisURL: "unix://" + filepath.Join(t.TempDir(), "s"), RedisKey: "vips"}
	lookups, change := prepare(t, r, Config{Audiences: []AudienceConfig{file("beta", write(t, "beta", "alice\n")), nobody}})
	if got := r.Loading(); got != nil {
		t.Errorf("before it is committed: %q", got)
	}
	change.Commit()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.Settle(ctx, func(AudienceConfig) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if got := r.Loading(); !reflect.DeepEqual(got, []string{"vips"}) {
		t.Errorf("loading: %q", got)
	}
	cancel()
	if err := r.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for one that cannot be loaded: %v", err)
	}
	if !lookups.Audiences["beta"].Contains([]byte("alice")) || lookups.Audiences["vips"].Contains([]byte("alice")) {
		t.Error("alice is not in beta alone")
	}
}

// geography makes an MMDB file that knows one network, of a country.
func geography(t *testing.T, country string) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-Country", Languages: []string{"en", "fr"}, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	_, network, _ := net.ParseCIDR("192.0.2.0/24")
	if err := tree.Insert(network, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(country)}}); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := tree.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	return write(t, "country.mmdb", text.String())
}

// MMDB files are read anew if they were replaced, or if the config says something else of them.
func TestGeographyIsKeptWhileItIsTheSame(t *testing.T) {
	r := newRegistry(t)
	in := netip.MustParseAddr("192.0.2.1")
	country := func(l match.Lookups) string {
		t.Helper()
		place := l.Geo.Locate(in)
		if place == nil {
			return ""
		}
		return place.Country
	}
	path := geography(t, "DE")
	c := Config{Geo: GeoConfig{Files: []string{path}}}
	one, two := commit(t, r, c), commit(t, r, c)
	if one.Geo != two.Geo || country(one) != "DE" {
		t.Errorf("same files: the same object %v, country %q", one.Geo == two.Geo, country(one))
	}
	if err := os.Rename(geography(t, "FR"), path); err != nil {
		t.Fatal(err)
	}
	three, change := prepare(t, r, c)
	change.Discard()
	if four := commit(t, r, c); three.Geo == two.Geo || country(three) != "FR" || country(four) != "FR" || country(two) != "DE" {
		t.Errorf("another file: the same object %v, country %q and %q, of the old one %q", three.Geo == two.Geo, country(three), country(four), country(two))
	}
	c.Geo.Language = "fr"
	if five := commit(t, r, c); five.Geo == three.Geo || country(five) != "FR" {
		t.Errorf("another language: the same object %v, country %q", five.Geo == three.Geo, country(five))
	}
}

func TestCloseDiscards(t *testing.T) {
	r := newRegistry(t)
	beta := write(t, "beta", "alice\n")
	_, change := prepare(t, r, Config{Audiences: []AudienceConfig{file("beta", beta)}})
	r.Close()
	change.Commit()
	if _, _, err := r.Prepare(Config{}); !errors.Is(err, errClosed) || r.Status() != nil {
		t.Errorf("after Close: %v, status %v", err, r.Status())
	}
}
