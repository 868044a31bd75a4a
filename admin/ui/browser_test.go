package ui_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// screenshots is where TestScreenshots writes; without it, it does nothing. `make screenshots` says it.
var screenshots = flag.String("screenshots", "", "the `folder` that pictures of the console are written to")

// browserTime bounds a run of the browser, its start on a busy machine included.
const browserTime = 4 * time.Minute

// tools is where `make browser-tools` puts what test/package.json names.
const tools = "../../bin/console"

// TestStatistics runs test/*.test.mjs in node: the intervals, histories and texts that the page computes by itself.
func TestStatistics(t *testing.T) {
	node := need(t, "node", "nodejs")
	files, err := filepath.Glob("test/*.test.mjs")
	if err != nil || len(files) < 1 {
		t.Fatalf("there are no test/*.test.mjs: %v", err)
	}
	run(t, exec.Command(node, append([]string{"--test"}, files...)...))
}

// TestConsole drives the page in a real browser.
func TestConsole(t *testing.T) {
	b := newBrowser(t)
	address := simulate(t, 240, 1000)
	b.run(t, "test/console.mjs", "CONSOLE="+address)
}

// TestScreenshots makes the pictures of the documents.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("no -screenshots=FOLDER: `make screenshots` makes them")
	}
	b := newBrowser(t)
	address := simulate(t, 6, 1000)
	b.run(t, "test/screenshots.mjs", "CONSOLE="+address, "FOLDER="+*screenshots)
}

// browser is what it takes to drive one.
type browser struct{ node, chromium, modules string }

// newBrowser finds it, or skips the test and says what to install; with REQUIRE_BROWSER=1 it fails.
func newBrowser(t *testing.T) browser {
	t.Helper()
	b := browser{node: need(t, "node", "nodejs"), chromium: need(t, "chromium", "chromium")}
	want, err := os.ReadFile("test/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(tools, "package-lock.json")); err != nil || !bytes.Equal(got, want) {
		without(t, "what test/package.json names is not installed, or in other versions: run `make browser-tools`")
	}
	if b.modules, err = filepath.Abs(filepath.Join(tools, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return b
}

// run runs a script of the test folder.
func (b browser) run(t *testing.T, script string, env ...string) {
	t.Helper()
	cmd := exec.Command(b.node, script)
	cmd.Env = append(append(os.Environ(), "NODE_MODULES="+b.modules, "CHROMIUM="+b.chromium, "HOME="+t.TempDir()), env...)
	run(t, cmd)
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It is asked to end first, so that it ends the browser; what does not is ended the hard way.
	late := time.AfterFunc(browserTime, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer late.Stop()
	cmd.WaitDelay = browserTime / 4
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, out.String())
	}
	t.Logf("%s", out.String())
}

func need(t *testing.T, command, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(command)
	if err != nil {
		without(t, "there is no "+command+" here: apt-get install "+pkg)
	}
	return path
}

func without(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("REQUIRE_BROWSER") == "1" {
		t.Fatal(why + " (REQUIRE_BROWSER=1)")
	}
	t.Skip(why)
}
