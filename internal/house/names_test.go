package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// codeName is how documents write a name of the code: TYPE.METHOD, TYPE.FIELD, PACKAGE.NAME, PACKAGE.TYPE.METHOD.
var codeName = regexp.MustCompile(`\b[A-Za-z]\w*(?:\.[A-Za-z]\w*)+\b(\.|/)?`)

// TestNamesInTheArchitectureExist holds docs/architecture.md and the code together.
func TestNamesInTheArchitectureExist(t *testing.T) {
	declared := map[string]bool{}
	var rooms []string
	for _, f := range withSuffix(readTree(t), ".go") {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.path, f.text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		declare(declared, parsed)
		rooms = append(rooms, path.Base(path.Dir(f.path)))
	}
	document := read(t, root, "docs/architecture.md")
	names := namesIn(document, func(first string) bool { return declared[first] || slices.Contains(rooms, first) })
	if len(names) < 40 {
		t.Errorf("only %d names found in the document", len(names))
	}
	for _, name := range names {
		if !declared[name] {
			t.Errorf("docs/architecture.md speaks of %s, which the code does not have", name)
		}
	}
	for _, m := range regexp.MustCompile(`\b[a-z0-9]+\.go\b`).FindAllString(document, -1) {
		if !slices.ContainsFunc(readTree(t), func(f textFile) bool { return path.Base(f.path) == m }) {
			t.Errorf("docs/architecture.md speaks of a file %s, which does not exist", m)
		}
	}
}

// namesIn are the dotted names of a text whose first word is known to be a type or a package, each once.
func namesIn(text string, known func(first string) bool) []string {
	var names []string
	for _, m := range codeName.FindAllString(text, -1) {
		name := strings.TrimRight(m, "./")
		first, _, _ := strings.Cut(name, ".")
		if known(first) && !strings.HasSuffix(name, ".go") && !strings.HasSuffix(m, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// declare enters what a file declares: types, their methods and fields by TYPE.NAME, exported names by PACKAGE.NAME too.
func declare(declared map[string]bool, file *ast.File) {
	enter := func(name string) {
		declared[name] = true
		if ast.IsExported(name) {
			declared[file.Name.Name+"."+name] = true
		}
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				if ast.IsExported(d.Name.Name) {
					declared[file.Name.Name+"."+d.Name.Name] = true
				}
				continue
			}
			enter(receiver(d.Recv.List[0].Type) + "." + d.Name.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				s, is := spec.(*ast.TypeSpec)
				if !is {
					continue
				}
				enter(s.Name.Name)
				if fields, is := s.Type.(*ast.StructType); is {
					for _, f := range fields.Fields.List {
						for _, name := range f.Names {
							enter(s.Name.Name + "." + name.Name)
						}
					}
				}
			}
		}
	}
}

// receiver is the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func TestNamesAreFound(t *testing.T) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "a.go", `package gate
type loop struct{ out, in []byte }
func (l *loop) decide() {}
type Pool[T any] struct{}
func (p *Pool[T]) Pick() {}
func New() {}
func local() {}
`, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	declare(got, parsed)
	want := map[string]bool{"loop": true, "loop.out": true, "loop.in": true, "loop.decide": true, "Pool": true, "gate.Pool": true, "Pool.Pick": true, "gate.Pool.Pick": true, "gate.New": true}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("declared\n got %v\nwant %v", got, want)
	}
	names := namesIn("`loop.decide` and loop.gone. See gate/a.go, loop.go, e.g. example.com and gate.Pool.Pick ─ x", func(first string) bool { return got[first] || first == "gate" })
	if want := []string{"gate.Pool.Pick", "loop.decide", "loop.gone"}; !reflect.DeepEqual(names, want) {
		t.Errorf("names\n got %q\nwant %q", names, want)
	}
}
