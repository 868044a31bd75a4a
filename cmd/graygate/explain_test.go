package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"graygate/config"
)

const labConfig = `listeners: [{address: 127.0.0.1:8080}]
admin: off
attributes:
  userid: {from: [cookie uid]}
  os: {from: [ua.os]}
audiences:
  beta: {file: beta.txt}
  vips: {redis: "redis://127.0.0.1:1/0", key: vips}
upstreams:
  stable: {endpoints: [127.0.0.1:9101]}
  gray: {endpoints: [127.0.0.1:9201]}
routes:
  - name: shop
    host: shop.example.com
    stable: stable
    gray: gray
    rules:
      - {name: vips, when: "audience('vips', userid)"}
      - {name: beta, when: "audience('beta', userid) and os == 'ios' and method == 'POST'"}
      - {name: office, when: "cidr(ip, '10.0.0.0/8')"}
      - {name: late, when: "now >= '2027-01-01'"}
layers:
  search: {by: userid}
experiments:
  search_v2: {layer: search, slots: [0-9899], state: active, variants: {A: 1, B: 1}}
assignments: {override_key_file: key.txt}
`

// lab writes labConfig and what it names into a folder, and gives the config's path.
func lab(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"lab.yaml": labConfig, "beta.txt": "ivan\n", "key.txt": "0123456789abcdef0123456789abcdef\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "lab.yaml")
}

const iPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"

func TestExplainReadsARequestAsCurlDoes(t *testing.T) {
	path := lab(t)
	check := func(want string, args ...string) {
		t.Helper()
		status, out, errs := run(append([]string{"explain", "-c", path, "--at", "2026-12-10T12:00:00Z", "--json"}, args...)...)
		var e config.Explanation
		if err := json.Unmarshal([]byte(out), &e); status != 0 || err != nil {
			t.Fatalf("explain %q: status %d, %v\n%s%s", args, status, err, out, errs)
		}
		got := e.Decision.Pool + " by " + e.Decision.Cause
		if got != want {
			t.Errorf("explain %q: goes to %s, want %s\n%s", args, got, want, out)
		}
		if len(e.Notes) != 1 || !strings.HasPrefix(e.Notes[0], "audience vips could not be loaded") {
			t.Errorf("explain %q: notes %q, want one about vips", args, e.Notes)
		}
	}
	const url = "http://shop.example.com/cart?x=1"
	check("stable by ", url)
	check("gray by beta", "-X", "POST", "-b", "uid=ivan", "-A", iPhone, url)
	check("stable by ", "-b", "uid=ivan", "-A", iPhone, url)
	check("gray by beta", "--request", "POST", "--cookie", "a=b", "--cookie", "uid=ivan", "--user-agent", iPhone, "shop.example.com")
	check("gray by beta", "-X", "POST", "-H", "Cookie: uid=ivan", "-H", "User-Agent: "+iPhone, "-H", "Host: shop.example.com:8080", "/")
	check("stable by ", "-X", "POST", "-b", "uid=olga", "-A", iPhone, url)
	check("gray by office", "--ip", "10.1.2.3", url)
	check("gray by late", "--at", "2027-01-01T01:00:00+01:00", url)
	check(" by ", "/")
}

func TestExplainText(t *testing.T) {
	status, out, errs := run("explain", "-c", lab(t), "--at", "2026-12-10T12:00:00Z", "-b", "uid=ivan", "http://shop.example.com/cart")
	before, note, _ := strings.Cut(out, "\nnote: ")
	const want = `GET shop.example.com/cart from 127.0.0.1 at 2026-12-10T12:00:00Z
goes to pool stable: nothing chose another

upstream gets
  X-Gray-Tag: stable
  X-Experiment: search_v2=B

attributes
  userid  ivan     cookie uid
  os      missing

route shop (shop.example.com/)
  vips    no  audience('vips', userid) is false: userid is "ivan"
  beta    no  os == 'ios' is unknown: os is missing
              method == 'POST' is false: method is "GET"
  office  no  cidr(ip, '10.0.0.0/8') is false: ip is "127.0.0.1"
  late    no  now >= '2027-01-01' is false: now is "2026-12-10T12:00:00Z"

layers
  search  search_v2=B  userid "ivan" is in slot 985 of search_v2
                       the lowest score wins: A 2.69 (weight 1), B 0.765 (weight 1)
`
	if status != 0 || before != want || !strings.HasPrefix(note, "audience vips could not be loaded, so nobody is in it here: ") {
		t.Errorf("status %d, %s\ngot:\n%s\nwant:\n%s\nand a note on vips", status, errs, out, want)
	}
}

func TestExplainBytecode(t *testing.T) {
	path := lab(t)
	status, out, errs := run("explain", "-c", path, "--bytecode", "--json", "http://shop.example.com/")
	var e config.Explanation
	if err := json.Unmarshal([]byte(out), &e); status != 0 || err != nil || e.Bytecode == nil {
		t.Fatalf("status %d, %v, bytecode %v\n%s%s", status, err, e.Bytecode, out, errs)
	}
	check := func(what, text, want string) {
		t.Helper()
		if !strings.Contains(text, want) {
			t.Errorf("the bytecode of %s has no %q:\n%s", what, want, text)
		}
	}
	check("rules", e.Bytecode.Rules, "rule 3 begins at ")
	check("rules", e.Bytecode.Rules, `text == method "POST"`)
	check("experiments", e.Bytecode.Experiments, "at most 0 steps")
	_, out, _ = run("explain", "-c", path, "--bytecode", "http://shop.example.com/")
	check("text", out, "\nbytecode of the rules\n  rule 0 begins at ")
	check("text", out, "\nbytecode of the experiments\n  ")
	for _, args := range [][]string{{"http://shop.example.com/"}, {"--bytecode", "/"}} { // not asked for; no route
		if _, out, _ = run(append([]string{"explain", "-c", path, "--json"}, args...)...); strings.Contains(out, "bytecode") {
			t.Errorf("explain %q: bytecode was told\n%s", args, out)
		}
	}
}

func TestExplainRefusals(t *testing.T) {
	path := lab(t)
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("listeners: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(want string, args ...string) {
		t.Helper()
		status, out, errs := run(append([]string{"explain"}, args...)...)
		if status != 1 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("explain %q: status %d, %q, %q; want 1 and %q", args, status, out, errs, want)
		}
	}
	check(bad+":1:", "-c", bad, "/")
	check(`graygate: "X-OS" is no header field; write 'NAME: VALUE', or 'NAME;' for an empty one`, "-c", path, "-H", "X-OS", "/")
	check(`graygate: ";" is no header field`, "-c", path, "-H", ";", "/")
	check(`graygate: "http://[" is no URL; write http://HOST/PATH, or /PATH`, "-c", path, "http://[")
}

// An empty field is there, as far as an upstream sees, and says nothing.
func TestExplainEmptyField(t *testing.T) {
	status, out, errs := run("explain", "-c", lab(t), "-H", "X-User-Id;", "-b", "uid=ivan", "http://shop.example.com/")
	if status != 0 || !regexp.MustCompile(`(?m)^  userid +ivan +cookie uid$`).MatchString(out) {
		t.Errorf("status %d, %s\n%s", status, errs, out)
	}
}

func TestSlots(t *testing.T) {
	path := lab(t)
	check := func(status int, wantOut, wantErrs string, args ...string) {
		t.Helper()
		got, out, errs := run(append([]string{"slots", "-c", path}, args...)...)
		if got != status || out != wantOut || errs != wantErrs {
			t.Errorf("slots %q: status %d\n%s%s\nwant status %d\n%s%s", args, got, out, errs, status, wantOut, wantErrs)
		}
	}
	const table = "SLOTS      COUNT  EXPERIMENT  STATE\n" +
		"0-9899     9900   search_v2   active\n" +
		"9900-9999  100    -           free\n"
	check(0, table, "", "search")
	check(0, table+"\nfree for 50: slots: [9900-9949]\n", "", "search", "50")
	check(1, table, "graygate: layer search has 100 free slots, not 101; end an experiment, or use another layer\n", "search", "101")
	check(1, "", "graygate: there is no layer \"serch\"; did you mean \"search\"?\n", "serch")
	check(1, "", "graygate: 10001 is no number of slots; a layer has 10000\n", "search", "10001")
}

func TestOverrideIsTaken(t *testing.T) {
	path := lab(t)
	status, out, errs := run("override", "-c", path, "--for", "5m", "search_v2=A")
	field := strings.TrimSuffix(out, "\n")
	if status != 0 || !strings.HasPrefix(field, "X-Experiment-Override: search_v2=A; expires=") {
		t.Fatalf("override: status %d, %q, %q", status, out, errs)
	}
	status, out, errs = run("explain", "-c", path, "-b", "uid=ivan", "-H", field, "http://shop.example.com/")
	if status != 0 || !strings.Contains(out, "X-Experiment: search_v2=A\n") || !strings.Contains(out, "forced by the override") {
		t.Errorf("explain with the override: status %d, %s\n%s", status, errs, out)
	}
	check := func(want string, args ...string) {
		t.Helper()
		status, out, errs := run(append([]string{"override", "-c", path}, args...)...)
		if status != 1 || out != "" || errs != "graygate: "+want+"\n" {
			t.Errorf("override %q: status %d, %q, %q; want 1 and %q", args, status, out, errs, want)
		}
	}
	check("experiment `search_v2` has no variant \"C\"; use one of A, B", "search_v2=C")
	check("--for 0s is over at once; give a second or more", "--for", "0s", "search_v2=A")
}
