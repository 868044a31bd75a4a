package house

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestImportsKeepTheOrder(t *testing.T) {
	packages := listPackages(t)
	for _, must := range []string{"cmd/graygate", "gateway", "gateway/http1", "config", "upstream", "sources", "match", "breaker"} {
		if !slices.ContainsFunc(packages, func(p goPackage) bool { return p.path == must }) {
			t.Errorf("go list gives no package %s: the rules were not tried on it", must)
		}
	}
	report(t, importComplaints(packages))
}

func TestImportRulesFire(t *testing.T) {
	row := func(name string, p goPackage, want ...string) {
		t.Run(name, func(t *testing.T) {
			if got := importComplaints([]goPackage{p}); !reflect.DeepEqual(got, want) {
				t.Errorf("package %+v\n got %q\nwant %q", p, got, want)
			}
		})
	}
	row("down is fine", goPackage{path: "gateway", imports: []string{"net", "graygate/match", "graygate/gateway/http1"}})
	row("cmd may wire all", goPackage{path: "cmd/graygate", imports: []string{"os", "log/slog", "graygate/admin", "graygate/telemetry"}})
	row("up", goPackage{path: "upstream", imports: []string{"graygate/gateway"}},
		"upstream imports graygate/gateway: upstream stands below gateway; calls go down only, what comes up comes back as values")
	row("sibling", goPackage{path: "match", imports: []string{"graygate/breaker"}},
		"match imports graygate/breaker: match and breaker are siblings: what both need belongs below them, what joins them above")
	row("look-ups know what they fill", goPackage{path: "sources/audience", imports: []string{"graygate/match", "github.com/redis/go-redis/v9"}})
	row("look-ups are opened from above", goPackage{path: "sources", imports: []string{"graygate/sources/geo", "graygate/config"}},
		"sources imports graygate/config: sources stands below config; calls go down only, what comes up comes back as values")
	row("match fills nothing", goPackage{path: "match", imports: []string{"graygate/sources", "github.com/bits-and-blooms/bloom/v3"}},
		"match imports graygate/sources: match stands below sources; calls go down only, what comes up comes back as values",
		"match imports github.com/bits-and-blooms/bloom/v3: how members are kept is known to sources alone; elsewhere they come as a match.Audience")
	row("codec", goPackage{path: "gateway/http1", imports: []string{"graygate/match"}},
		"gateway/http1 imports graygate/match: the codec imports nothing of ours, so that it is tested and fuzzed by itself")
	row("codec from below", goPackage{path: "upstream", imports: []string{"graygate/gateway/http1"}},
		"upstream imports graygate/gateway/http1: upstream stands below gateway/http1; calls go down only, what comes up comes back as values")
	row("pure: net", goPackage{path: "match", imports: []string{"net", "net/netip"}},
		"match imports net: it is pure: bytes come in as arguments, so that it is tested and fuzzed without a network")
	row("pure: os and log", goPackage{path: "breaker", imports: []string{"log/slog", "os/signal"}},
		"breaker imports log/slog: it is pure: it returns errors and effects, whoever runs it logs them",
		"breaker imports os/signal: it is pure: what it does depends on its arguments only, never on files, environment or process")
	row("pure: a name that only begins so", goPackage{path: "match", imports: []string{"osmosis", "logic"}})
	row("second parser", goPackage{path: "gateway", imports: []string{"net/http"}},
		"gateway imports net/http: the data plane speaks HTTP by gateway/http1 alone: a second parser on the way is how requests are smuggled")
	row("loop elsewhere", goPackage{path: "admin", imports: []string{"github.com/panjf2000/gnet/v2"}},
		"admin imports github.com/panjf2000/gnet/v2: the event loop is the gateway's own affair; elsewhere nobody may depend on its rules")
	row("the SDK of traces elsewhere", goPackage{path: "gateway", imports: []string{"graygate/telemetry/trace", "go.opentelemetry.io/otel/trace"}},
		"gateway imports go.opentelemetry.io/otel/trace: the SDK allocates and locks, so it runs behind telemetry/trace's queue; elsewhere there are a trace.Span and w3c's ids")
	row("the SDK of traces where it is", goPackage{path: "telemetry/trace", imports: []string{"go.opentelemetry.io/otel/sdk/trace", "google.golang.org/grpc", "graygate/telemetry/w3c"}})
	row("trace headers are pure", goPackage{path: "telemetry/w3c", imports: []string{"log/slog", "graygate/telemetry"}},
		"telemetry/w3c imports log/slog: it is pure: it returns errors and effects, whoever runs it logs them",
		"telemetry/w3c imports graygate/telemetry: telemetry/w3c stands below telemetry; calls go down only, what comes up comes back as values")
	row("their VM", goPackage{path: "match", imports: []string{"github.com/expr-lang/expr/parser", "github.com/expr-lang/expr/vm"}},
		"match imports github.com/expr-lang/expr/vm: only its parser is used: rules run on our own VM, which does not allocate; expr's is the tests' oracle")
	row("test tools in production", goPackage{path: "gateway", imports: []string{"graygate/internal/testkit"}},
		"gateway imports graygate/internal/testkit: internal/testkit is for tests")
	row("test tools in tests", goPackage{path: "gateway", tests: []string{"graygate/internal/testkit", "net/http", "os"}})
	row("tests keep the order", goPackage{path: "match", tests: []string{"graygate/config"}},
		"the tests of match import graygate/config: match stands below config; calls go down only, what comes up comes back as values")
	row("test tools start gateways", goPackage{path: "internal/testkit", imports: []string{"graygate/config", "graygate/gateway", "net/http"}})
	row("benchmarks look from outside", goPackage{path: "perf/rig", imports: []string{"graygate/config", "graygate/perf/measure"}},
		"perf/rig imports graygate/config: perf stands beside the house and imports nothing of it")
	row("benchmarks are nobody's library", goPackage{path: "gateway", imports: []string{"graygate/perf/measure"}},
		`gateway imports graygate/perf/measure: "perf" is no part of the house that others may use`)
	row("no room", goPackage{path: "utils"},
		"utils lies in no room: give its folder a place in internal/house, and say there who may import it")
	row("a name that begins like a room's", goPackage{path: "matches"},
		"matches lies in no room: give its folder a place in internal/house, and say there who may import it")
	source := func(body string) map[string]string {
		return map[string]string{"breaker/b.go": "package breaker\n" + body}
	}
	row("clock", goPackage{path: "breaker", sources: source("import \"time\"\nvar a, b = time.Now(), time.Second\n")},
		"breaker/b.go:3:12 uses time.Now: it is pure: time is passed in")
	row("clock under another name, not called", goPackage{path: "breaker", sources: source("import clock \"time\"\nvar now = clock.Since\n")},
		"breaker/b.go:3:11 uses time.Since: it is pure: time is passed in")
	row("clock by a dot", goPackage{path: "breaker", sources: source("import . \"time\"\nvar now = Now\n")},
		"breaker/b.go imports time by a dot, which hides the use of clocks: name it")
	row("time as a type is fine", goPackage{path: "breaker", sources: source("import \"time\"\nfunc f(now time.Time) time.Time { return now.Add(time.Second) }\n")})
	row("clock where it may be", goPackage{path: "gateway", sources: map[string]string{"gateway/g.go": "package gateway\nimport \"time\"\nvar now = time.Now\n"}})
}

// listPackages asks the go command for every package of the module. Files that this machine's build leaves out (other
// systems, other tags) are read as well, so that no rule depends on where the tests run.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,TestImports,XTestImports,GoFiles,CgoFiles,IgnoredGoFiles", "./...")
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var listed struct {
			ImportPath, Dir                    string
			Imports, TestImports, XTestImports []string
			GoFiles, CgoFiles, IgnoredGoFiles  []string
		}
		if err := d.Decode(&listed); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		p := goPackage{
			path:    strings.TrimPrefix(listed.ImportPath, module+"/"),
			imports: listed.Imports,
			tests:   append(listed.TestImports, listed.XTestImports...),
			sources: map[string]string{},
		}
		for _, name := range slices.Concat(listed.GoFiles, listed.CgoFiles, listed.IgnoredGoFiles) {
			text, err := os.ReadFile(filepath.Join(listed.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			file := p.path + "/" + name
			if slices.Contains(listed.IgnoredGoFiles, name) {
				imports := importsOf(t, file, text)
				if strings.HasSuffix(name, "_test.go") {
					p.tests = append(p.tests, imports...)
					continue
				}
				p.imports = append(p.imports, imports...)
			}
			p.sources[file] = string(text)
		}
		packages = append(packages, p)
	}
}

func importsOf(t *testing.T, path string, text []byte) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, imported)
	}
	return all
}
