package admin

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// The document and the table of routes name the same paths, methods and variables.
func TestDocumentIsWhole(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			Security   []map[string][]string
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	var documented, served []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			documented = append(documented, strings.ToUpper(method)+" "+path)
			for _, p := range op.Parameters {
				if p.In == "path" && !strings.Contains(path, "{"+p.Name+"}") {
					t.Errorf("%s: the parameter %s is not in the path", path, p.Name)
				}
			}
			in := slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.In == "path" })
			if strings.Contains(path, "{") != in {
				t.Errorf("%s: its variables are not described", path)
			}
		}
	}
	s := New(nil, "", "")
	defer s.Close()
	for _, r := range s.routes {
		served = append(served, r.method+" "+r.path)
		op, is := doc.Paths[r.path][strings.ToLower(r.method)]
		if !is {
			continue // the lists below tell
		}
		free := slices.ContainsFunc(op.Security, func(x map[string][]string) bool { return len(x) == 0 })
		asks := slices.ContainsFunc(op.Security, func(x map[string][]string) bool { return x["token"] != nil })
		if free != (r.access != change) || asks != (r.access != open) {
			t.Errorf("%s %s: the document says of the token: needed %v, taken %v", r.method, r.path, !free, asks)
		}
	}
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented\n%s\nserved\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
}

// What changes something is POST and asks for the token, and nothing else does.
func TestChangesNeedTheToken(t *testing.T) {
	s := New(nil, "", "")
	defer s.Close()
	reads := map[string]bool{"/explain": true}
	for _, r := range s.routes {
		if (r.access == change) != (r.method == "POST" && !reads[r.path]) {
			t.Errorf("%s %s: got access %d", r.method, r.path, r.access)
		}
	}
}
