package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// order is who stands above whom. sources fills the look-ups that match asks by: it knows match, for the types of what is
// looked up, and is opened from above, as a config says; it has nothing to do with upstream servers. internal/priority and
// internal/watch are at the bottom because rooms work by them that know nothing of each other; they stand beside match and breaker, which
// are pure and leave threads and files to their callers. A room imports only what stands in a later row, so nothing of its own row either:
// siblings that know each other are one room with a wall in it.
var order = [][]string{
	{"cmd"},
	{"admin"},
	{"gateway"},
	{"gateway/http1"},
	{"rollout"},
	{"config"},
	{"upstream/discovery"},
	{"upstream", "probes", "sources"},
	{"match", "breaker", "limiter", "telemetry", "internal/priority", "internal/watch"},
	{"telemetry/w3c"},
}

// aside are the rooms beside that order, and whether they may look into the others.
var aside = map[string]bool{
	"perf":              false, // it measures graygate as it does its peers: as a program, from outside
	"internal/testkit":  true,  // it starts whole gateways for the tests
	"internal/faultlab": true,  // it breaks what stands behind a whole gateway, and counts what users notice
	"internal/house":    true,
}

// testOnly rooms are there for tests: no production code may import them.
var testOnly = []string{"internal/testkit", "internal/faultlab", "internal/house"}

// ban keeps an import out of some rooms' production code (test files may import what they need of others' code).
type ban struct {
	rooms  []string // where it holds; nil: everywhere
	not    []string // rooms it does not hold in
	what   string   // import path, with all that lies below it
	except []string // paths below it that are fine, each with all that lies below it
	why    string
}

var pure = []string{"match", "breaker", "limiter", "gateway/http1", "telemetry/w3c"}

var bans = []ban{
	{rooms: pure, what: "net", except: []string{"net/netip"}, why: "it is pure: bytes come in as arguments, so that it is tested and fuzzed without a network"},
	{rooms: pure, what: "os", why: "it is pure: what it does depends on its arguments only, never on files, environment or process"},
	{rooms: pure, what: "syscall", why: "it is pure: system calls are the gateway's"},
	{rooms: pure, what: "golang.org/x/sys", why: "it is pure: system calls are the gateway's"},
	{rooms: pure, what: "log", why: "it is pure: it returns errors and effects, whoever runs it logs them"},
	{rooms: pure, what: "github.com/rs/zerolog", why: "it is pure: it returns errors and effects, whoever runs it logs them"},
	{rooms: []string{"gateway", "gateway/http1", "upstream", "upstream/discovery"}, what: "net/http", why: "the data plane speaks HTTP by gateway/http1 alone: a second parser on the way is how requests are smuggled"},
	{rooms: []string{"gateway", "gateway/http1", "upstream", "upstream/discovery"}, what: "github.com/valyala/fasthttp", why: "the data plane speaks HTTP by gateway/http1 alone: a second parser on the way is how requests are smuggled"},
	{not: []string{"gateway"}, what: "github.com/panjf2000/gnet", why: "the event loop is the gateway's own affair; elsewhere nobody may depend on its rules"},
	{not: []string{"config"}, what: "github.com/goccy/go-yaml", why: "what a config file says is known to config alone; others get a Plan, and upstream/discovery a function that reads a list of endpoints"},
	{not: []string{"upstream/discovery", "internal/faultlab"}, what: "github.com/miekg/dns", why: "the DNS is asked by upstream/discovery alone, off the loops; elsewhere endpoints come by upstream.Registry.Update"},
	{not: []string{"internal/watch"}, what: "github.com/fsnotify/fsnotify", why: "folders are watched in one place, links followed and all"},
	{not: []string{"match"}, what: "github.com/expr-lang/expr", why: "the language of conditions is match's"},
	{rooms: []string{"match"}, what: "github.com/expr-lang/expr", except: []string{"github.com/expr-lang/expr/ast", "github.com/expr-lang/expr/file", "github.com/expr-lang/expr/parser"}, why: "only its parser is used: rules run on our own VM, which does not allocate; expr's is the tests' oracle"},
	{not: []string{"sources"}, what: "github.com/redis/go-redis", why: "servers that hold data are asked by sources alone, off the loops; elsewhere members come as a match.Audience"},
	{not: []string{"sources"}, what: "github.com/bits-and-blooms", why: "how members are kept is known to sources alone; elsewhere they come as a match.Audience"},
	{not: []string{"sources"}, what: "github.com/oschwald/maxminddb-golang", why: "geography is looked up by match.Geo; how it is stored is known to sources alone"},
	{not: []string{"probes", "telemetry"}, what: "google.golang.org/grpc", why: "gRPC is spoken by health checks and to the collector of spans alone: what is proxied is never parsed as such"},
	{not: []string{"telemetry"}, what: "go.opentelemetry.io", why: "the SDK allocates and locks, so it runs behind telemetry/trace's queue; elsewhere there are a trace.Span and w3c's ids"},
	{not: []string{"cmd"}, what: "github.com/alecthomas/kong", why: "the command line is cmd's"},
	{not: []string{"cmd"}, what: "github.com/coreos/go-systemd", why: "how the process was started, and by whom it is watched, is cmd's to know"},
	{what: "unsafe", not: []string{"gateway", "gateway/http1", "match", "perf", "sources"}, why: "it is for the hot path, and where it pays there only"},
}

// clockFunctions are what makes code depend on the time of day; types and arithmetic of package time are fine.
var clockFunctions = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// goPackage is what the rules look at.
type goPackage struct {
	path    string // import path, without the module's name
	imports []string
	tests   []string          // imports of its test files
	sources map[string]string // production files, by path from the root; needed of pure rooms only
}

// room is the part of the house that a package lies in; "" if there is no such room.
func room(path string) string {
	var rooms []string
	for _, row := range order {
		rooms = append(rooms, row...)
	}
	rooms = append(rooms, slices.Sorted(maps.Keys(aside))...)
	best := ""
	for _, r := range rooms {
		if covers(r, path) && len(r) > len(best) {
			best = r
		}
	}
	return best
}

// covers says whether path is prefix or lies below it.
func covers(prefix, path string) bool {
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func rank(room string) int {
	return slices.IndexFunc(order, func(row []string) bool { return slices.Contains(row, room) })
}

// importComplaints are the violations of the rules above: "PACKAGE imports X: reason".
func importComplaints(packages []goPackage) []string {
	var all []string
	for _, p := range packages {
		from := room(p.path)
		if from == "" {
			all = append(all, fmt.Sprintf("%s lies in no room: give its folder a place in internal/house, and say there who may import it", p.path))
			continue
		}
		for _, imported := range p.imports {
			for _, why := range importFaults(from, imported) {
				all = append(all, fmt.Sprintf("%s imports %s: %s", p.path, imported, why))
			}
		}
		for _, imported := range p.tests {
			if own, is := strings.CutPrefix(imported, module+"/"); is && !slices.Contains(testOnly, room(own)) {
				if why := orderFault(from, room(own)); why != "" {
					all = append(all, fmt.Sprintf("the tests of %s import %s: %s", p.path, imported, why))
				}
			}
		}
		if slices.Contains(pure, from) {
			for _, file := range slices.Sorted(maps.Keys(p.sources)) {
				all = append(all, clockComplaints(file, p.sources[file])...)
			}
		}
	}
	return all
}

const module = "graygate"

// importFaults gives the reasons why production code of a room may not import a path.
func importFaults(from, imported string) []string {
	if own, is := strings.CutPrefix(imported, module+"/"); is {
		to := room(own)
		if to != from && slices.Contains(testOnly, to) {
			return []string{to + " is for tests"}
		}
		if why := orderFault(from, to); why != "" {
			return []string{why}
		}
		return nil
	}
	var reasons []string
	for _, b := range bans {
		held := (b.rooms == nil || slices.Contains(b.rooms, from)) && !slices.Contains(b.not, from)
		excepted := slices.ContainsFunc(b.except, func(e string) bool { return covers(e, imported) })
		if held && covers(b.what, imported) && !excepted {
			reasons = append(reasons, b.why)
		}
	}
	return reasons
}

// orderFault says why a room may not import another, "" if it may.
func orderFault(from, to string) string {
	if from == to {
		return ""
	}
	if looksIn, is := aside[from]; is {
		if looksIn {
			return ""
		}
		return from + " stands beside the house and imports nothing of it"
	}
	if _, is := aside[to]; is || to == "" {
		return fmt.Sprintf("%q is no part of the house that others may use", to)
	}
	switch {
	case from == "gateway/http1":
		return "the codec imports nothing of ours, so that it is tested and fuzzed by itself"
	case rank(from) == rank(to):
		return fmt.Sprintf("%s and %s are siblings: what both need belongs below them, what joins them above", from, to)
	case rank(from) > rank(to):
		return fmt.Sprintf("%s stands below %s; calls go down only, what comes up comes back as values", from, to)
	}
	return ""
}

// clockComplaints finds where a file asks for the time.
func clockComplaints(path, source string) []string {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, path, source, parser.SkipObjectResolution)
	if err != nil {
		return []string{fmt.Sprintf("%s: %v", path, err)}
	}
	name := ""
	for _, spec := range parsed.Imports {
		if imported, _ := strconv.Unquote(spec.Path.Value); imported == "time" {
			name = "time"
			if spec.Name != nil {
				name = spec.Name.Name
			}
		}
	}
	if name == "." {
		return []string{path + " imports time by a dot, which hides the use of clocks: name it"}
	}
	var all []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, is := n.(*ast.SelectorExpr); is && name != "" {
			if x, is := s.X.(*ast.Ident); is && x.Name == name && slices.Contains(clockFunctions, s.Sel.Name) {
				all = append(all, fmt.Sprintf("%s uses time.%s: it is pure: time is passed in", files.Position(s.Pos()), s.Sel.Name))
			}
		}
		return true
	})
	return all
}
