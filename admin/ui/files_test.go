package ui_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"graygate/admin/ui"
)

// readFile reads one of the page's files.
func readFile(files fs.FS, name string) ([]byte, error) { return fs.ReadFile(files, name) }

// pageFiles gives the page's files by their paths.
func pageFiles(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(ui.Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := readFile(ui.Files(), name)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// fault is what no file of the page may have, with a reason.
type fault struct {
	ends    []string // of the names of the files that it is looked for in
	pattern *regexp.Regexp
	why     string
}

var faults = []fault{
	{[]string{".html"}, regexp.MustCompile(`(?is)<script\b[^>]*>\s*[^<\s]`), "an inline script: the policy forbids it"},
	{[]string{".html"}, regexp.MustCompile(`(?i)<style\b`), "an inline style sheet: the policy forbids it"},
	{[]string{".html", ".svg"}, regexp.MustCompile(`(?i)\s(style|on[a-z]+)\s*=`), "an inline style or handler: the policy forbids it"},
	{[]string{".js"}, regexp.MustCompile(`setAttribute\(\s*["'\x60]style["'\x60]|\bstyle:\s*["'\x60]`), "a style attribute: the policy forbids it; el.style.NAME is fine"},
	{[]string{".js"}, regexp.MustCompile(`\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc|DOMParser)\b`), "markup from text: names come from clients, and are text"},
	{[]string{".js"}, regexp.MustCompile(`\beval\(|new Function\(|set(Timeout|Interval)\(\s*["'\x60]`), "code from text: the policy forbids it"},
	{[]string{".js", ".css", ".html", ".svg", ".json"}, regexp.MustCompile(`(?i)\b(https?|wss?|ftp):/?/[a-z0-9]`), "an address elsewhere: the page works without a network"},
	{[]string{".css"}, regexp.MustCompile(`(?i)@import|url\(`), "a style sheet that loads something"},
}

// harmless are the addresses that nothing is loaded from: a namespace, and where uPlot says that it comes from.
var harmless = []string{`xmlns="http://www.w3.org/2000/svg"`, "/*! https://github.com/leeoniya/uPlot (v1.6.32) */"}

func complaints(name, text string) []string {
	for _, h := range harmless {
		text = strings.ReplaceAll(text, h, "")
	}
	var all []string
	for _, f := range faults {
		if !slices.Contains(f.ends, path.Ext(name)) {
			continue
		}
		if found := f.pattern.FindString(text); found != "" {
			all = append(all, name+": "+f.why)
		}
	}
	return all
}

func TestFilesKeepThePolicy(t *testing.T) {
	files := pageFiles(t)
	for name, text := range files {
		for _, c := range complaints(name, text) {
			t.Error(c)
		}
	}
	if len(files) < 15 || len(files) > 60 {
		t.Errorf("%d files: the admin server serves at most 64", len(files))
	}
}

func TestPolicyRulesFire(t *testing.T) {
	row := func(name, text string, want int) {
		t.Run(name+" "+text, func(t *testing.T) {
			if got := complaints(name, text); len(got) != want {
				t.Errorf("file %s, %q: got %q, want %d complaints", name, text, got, want)
			}
		})
	}
	row("a.html", `<script src="a.js" type="module"></script><p class="x">`, 0)
	row("a.html", "<script>\n go()</script>", 1)
	row("a.html", "<style>p{}</style>", 1)
	row("a.html", `<p style="color:red">`, 1)
	row("a.html", `<p onclick="go()">`, 1)
	row("a.html", `<img src="https://example.com/x.png">`, 1)
	row("a.js", "el.textContent = s; el.style.width = w; setTimeout(() => f(), 1)", 0)
	row("a.js", "el.innerHTML = s", 1)
	row("a.js", `h("p", { style: "color:red" })`, 1)
	row("a.js", `fetch("http://example.com")`, 1)
	row("a.js", `eval(x)`, 1)
	row("a.css", "@import 'x.css';", 1)
	row("a.css", "p { background: url(x.png) }", 1)
	row("a.svg", `<svg xmlns="http://www.w3.org/2000/svg"/>`, 0)
	row("a.svg", `<svg onload="go()"/>`, 1)
}

// TestReferencesResolve holds the page together: what it loads, and what its modules import and look up, is there.
func TestReferencesResolve(t *testing.T) {
	files := pageFiles(t)
	index := files["index.html"]
	count := 0
	must := func(from, name string) {
		count++
		if files[name] == "" {
			t.Errorf("%s loads %s, which does not exist", from, name)
		}
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(index, -1) {
		must("index.html", m[1])
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`\bid="([^"]+)"`).FindAllStringSubmatch(index, -1) {
		if ids[m[1]] {
			t.Errorf("index.html has the id %s twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby="|for=")([^"]+)"`).FindAllStringSubmatch(index, -1) {
		if !ids[m[1]] {
			t.Errorf("index.html points to the id %s, which it does not have", m[1])
		}
	}
	for name, text := range files {
		for _, m := range regexp.MustCompile(`from "\./([^"]+)"`).FindAllStringSubmatch(text, -1) {
			must(name, m[1])
		}
		for _, m := range regexp.MustCompile(`byId\("([^"]+)"\)`).FindAllStringSubmatch(text, -1) {
			if !ids[m[1]] {
				t.Errorf("%s looks up the id %s, which index.html does not have", name, m[1])
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d references found", count)
	}
}

// vendored is an entry of vendor/vendored.json: what others wrote, where it is from, and that it is as they wrote it.
type vendored struct {
	Name, Version, License, From string
	Files                        []struct {
		File      string
		InPackage string `json:"in_package"`
		SHA256    string
	}
}

func TestVendoredFilesAreAsTheirAuthorsWroteThem(t *testing.T) {
	files := pageFiles(t)
	var list []vendored
	if err := json.Unmarshal([]byte(files["vendor/vendored.json"]), &list); err != nil {
		t.Fatal(err)
	}
	known := []string{"vendor/vendored.json"}
	for _, v := range list {
		licence := false
		for _, f := range v.Files {
			name := "vendor/" + f.File
			known = append(known, name)
			sum := sha256.Sum256([]byte(files[name]))
			if got := hex.EncodeToString(sum[:]); got != f.SHA256 {
				t.Errorf("%s is not %s of %s %s: its SHA-256 is %s, want %s", name, f.InPackage, v.Name, v.Version, got, f.SHA256)
			}
			licence = licence || f.InPackage == "LICENSE"
			if strings.HasSuffix(name, ".js") && !strings.Contains(files[name], "v"+v.Version) {
				t.Errorf("%s does not say that it is version %s", name, v.Version)
			}
		}
		if !licence || v.License == "" {
			t.Errorf("%s has no licence with it", v.Name)
		}
	}
	for name := range files {
		if strings.HasPrefix(name, "vendor/") && !slices.Contains(known, name) {
			t.Errorf("%s is not in vendored.json", name)
		}
	}
	if len(known) < 4 {
		t.Errorf("only %q are listed", known)
	}
}
