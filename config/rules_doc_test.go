package config

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"graygate/match"
	"graygate/upstream"
)

// rulesDoc is docs/rules.md, with the schema of its config.
type rulesDoc struct {
	text   string
	schema *match.Schema
	from   map[string]string // header fields, by attribute
	known  *known
}

// known is what the page's look-ups know: of every address and User-Agent the same.
type known struct {
	place match.Place
	agent match.Agent
}

func (k *known) Locate(netip.Addr) *match.Place { return &k.place }
func (k *known) Read([]byte) *match.Agent       { return &k.agent }

// set takes a value that is looked up, by the name of its source. False: it is not looked up.
func (k *known) set(source, value string) bool {
	field, ok := map[string]*string{
		"geo.country": &k.place.Country, "ua.os": &k.agent.OS, "ua.os_version": &k.agent.OSVersion,
	}[source]
	if ok {
		*field = value
	}
	return ok
}

// oneMember is the audience of the page.
type oneMember string

func (m oneMember) Contains(member []byte) bool { return string(member) == string(m) }

func readRulesDoc(t *testing.T) rulesDoc {
	t.Helper()
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	d := rulesDoc{text: string(text), from: map[string]string{}, known: &known{}}
	lookups := match.Lookups{Geo: d.known, Agents: d.known, Audiences: map[string]match.Audience{"beta": oneMember("u-1")}}
	for _, block := range fence.FindAllStringSubmatch(d.text, -1) {
		if block[1] != "yaml" {
			continue
		}
		p, err := Parse("graygate.yaml", []byte(complete(block[2])))
		if err != nil {
			t.Fatalf("%s\n%v", block[2], err)
		}
		snap, err := Build(p, lookups, upstream.NewRegistry(upstream.Options{Loops: 1}), 1)
		if err != nil {
			t.Fatal(err)
		}
		d.schema = snap.Schema
		for _, a := range p.Attributes {
			d.from[a.Name] = a.From[0].Name
		}
	}
	return d
}

// TestRulesDocTables decides every row of a table of conditions.
func TestRulesDocTables(t *testing.T) {
	d := readRulesDoc(t)
	rows := 0
	for line := range strings.Lines(d.text) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00"), " | ")
		if len(cells) != 3 || !strings.HasPrefix(cells[0], "| `") || !slices.Contains([]string{"true |", "false |", "unknown |"}, cells[2]) {
			continue
		}
		rows++
		when := strings.ReplaceAll(strings.Trim(cells[0], "| `"), "\x00", "|")
		want := strings.TrimSuffix(cells[2], " |")
		if got := d.decide(t, when, strings.Trim(cells[1], "`")); got != want {
			t.Errorf("%s with %s is %s, the page says %s", when, cells[1], got, want)
		}
	}
	if rows < 60 {
		t.Errorf("%d rows found: have the tables changed?", rows)
	}
}

// decide tells whether a condition is true, false or unknown for "name=value; name=value".
func (d rulesDoc) decide(t *testing.T, when, with string) string {
	t.Helper()
	rules, errs := match.CompileRules(d.schema, []match.Rule{{Name: "is", When: when}, {Name: "not", When: "not (" + when + ")"}})
	if errs != nil {
		t.Errorf("%s: %v", when, errs)
		return ""
	}
	var a match.Attributes
	a.Reset(d.schema)
	*d.known = known{}
	a.AddHeader([]byte("User-Agent"), []byte("any"))
	var path []byte
	ip := netip.MustParseAddr("198.51.100.1")
	for pair := range strings.SplitSeq(with, "; ") {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "nothing":
		case "path":
			path = []byte(value)
		case "ip":
			ip = netip.MustParseAddr(value)
		case "now":
			now, err := time.Parse(time.RFC3339, value)
			if err != nil {
				t.Fatal(err)
			}
			a.SetTime(now)
		default:
			if d.known.set(name, value) {
				continue
			}
			if d.from[name] == "" {
				t.Fatalf("%s: no attribute %q", with, name)
			}
			a.AddHeader([]byte(d.from[name]), []byte(value))
		}
	}
	a.SetRequest([]byte("GET"), nil, path, nil, ip)
	return map[int]string{0: "true", 1: "false", -1: "unknown"}[rules.Decide(&a, rules.NewState())]
}

// TestRulesDocMistakes compares what is said of a wrong condition with the block that shows it: the condition, and for each
// mistake a line with its place and one with its text.
func TestRulesDocMistakes(t *testing.T) {
	d := readRulesDoc(t)
	ran := 0
	for _, block := range fence.FindAllStringSubmatch(d.text, -1) {
		if block[1] != "text" {
			continue
		}
		ran++
		when, _, _ := strings.Cut(block[2], "\n")
		_, errs := match.CompileRules(d.schema, []match.Rule{{Name: "r", When: when}})
		got := when + "\n"
		for _, e := range errs {
			got += fmt.Sprintf("%*s\n%s; %s\n", e.Column, "^", e.What, e.Fix)
		}
		if got != block[2] {
			t.Errorf("got\n%s\nwant\n%s", got, block[2])
		}
	}
	if ran < 4 {
		t.Errorf("%d wrong conditions found", ran)
	}
}
