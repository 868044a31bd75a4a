package match

import (
	"os"
	"strings"
	"testing"
)

// TestDocNamesEverything looks for every function, operator and type in docs/rules.md; its examples are run by config's tests.
func TestDocNamesEverything(t *testing.T) {
	page, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	check := func(what, text string) {
		t.Helper()
		if !strings.Contains(string(page), text) {
			t.Errorf("docs/rules.md does not show the %s %s", what, text)
		}
	}
	for _, name := range functionNames {
		check("function", name+"(")
		if functions[name].check == nil {
			t.Errorf("no function %s", name)
		}
	}
	if len(functions) != len(functionNames) {
		t.Errorf("%d functions, %d names", len(functions), len(functionNames))
	}
	for _, op := range []string{" == ", " != ", " < ", " <= ", " > ", " >= ", " in ", " not in ", " and ", " or ", "not ", "&&", "!has", " ? ",
		" matches ", " contains ", " startsWith ", " endsWith ", "..", "[:3]", "+", "*", "/", "%", "**"} {
		check("operator", op)
	}
	for _, typ := range Types() {
		if typ != String {
			check("type", typ.String())
		}
	}
}
