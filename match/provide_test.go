package match

import "testing"

// A provided text counts as any other, for this request only.
func TestProvide(t *testing.T) {
	s := mustSchema(t,
		Attribute{Name: "visitor", From: []Source{{FromCookie, "id"}}},
		Attribute{Name: "age", Type: Int, From: []Source{{FromCookie, "age"}}},
	)
	rs, errs := CompileRules(s, []Rule{{Name: "abc", When: "visitor == 'abc' and age >= 18"}})
	if errs != nil {
		t.Fatal(errs)
	}
	state := rs.NewState()
	const visitor, age = attrNow + 1, attrNow + 2
	var a Attributes
	row := func(name, visitorText, ageText string, ask bool, want int) {
		t.Helper()
		request{fields: []string{"Cookie: id=other; age=5"}}.load(&a, s)
		if ask { // a value that was looked at already is replaced all the same
			a.Value(visitor)
			a.Value(age)
		}
		if visitorText != "" {
			a.Provide(visitor, []byte(visitorText))
		}
		if ageText != "" {
			a.Provide(age, []byte(ageText))
		}
		if got := rs.Decide(&a, state); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	row("both", "abc", "18", false, 0)
	row("both, asked before", "abc", "18", true, 0)
	row("one", "abc", "", false, -1)
	row("another text", "abd", "18", false, -1)
	row("another type", "abc", "old", false, -1)
	row("none, after a request that had them", "", "", false, -1)
	a.Reset(s)
	a.Provide(visitor, nil)
	if got := a.Value(visitor); got != nil {
		t.Errorf("an empty text: got %q, want it missing", got)
	}
}
