package config

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The set knows its names in every disguise that some server would take for them, and no other.
func TestFieldNames(t *testing.T) {
	var none, set FieldNames
	long := "X-" + strings.Repeat("a", 200)
	for _, name := range []string{"X-Search", "Y", "x-a1.b_2", long} {
		set.add(name)
	}
	row := func(name string, want bool) {
		t.Helper()
		if got := set.Has([]byte(name)); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
		if none.Has([]byte(name)) {
			t.Errorf("%q: got it in the empty set", name)
		}
	}
	for _, name := range []string{"X-Search", "x-search", "X-SEARCH", "X_Search", "x.search", "X~SEARCH", "Y", "y", "X-A1-B-2", long, strings.ToUpper(long)} {
		row(name, true)
	}
	for _, name := range []string{"", "X", "X-Searc", "X-Searchs", "X--earch", "XSearch", "X-Search-", "Z", "-", long + "a", strings.Repeat("x", 1000)} {
		row(name, false)
	}
	if !none.Empty() || set.Empty() {
		t.Errorf("empty: got %v and %v, want true and false", none.Empty(), set.Empty())
	}
	if got := testing.AllocsPerRun(100, func() { set.Has([]byte("X_SEARCH")) }); got != 0 {
		t.Errorf("allocations: got %v, want 0", got)
	}
}

func TestFieldNamesAgainstPlain(t *testing.T) {
	plain := func(name string) string {
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789", r) {
				return r
			}
			return '-'
		}, strings.ToLower(name))
	}
	names := rapid.StringMatching(`[A-Za-z0-9_.~-]{1,4}`)
	rapid.Check(t, func(t *rapid.T) {
		var set FieldNames
		in := map[string]bool{}
		for _, name := range rapid.SliceOfN(names, 0, 20).Draw(t, "in") {
			set.add(name)
			in[plain(name)] = true
		}
		name := names.Draw(t, "asked")
		if got, want := set.Has([]byte(name)), in[plain(name)]; got != want {
			t.Fatalf("%q: got %v, want %v", name, got, want)
		}
	})
}
