package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestInstall installs below a folder, twice, changes the config between, and uninstalls.
func TestInstall(t *testing.T) {
	dest := t.TempDir()
	script := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("sh", append([]string{"scripts/install.sh"}, args...)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "DESTDIR="+dest, "PREFIX=/opt/gate", "SYSCONFDIR=/etc", "UNITDIR=/lib/systemd/system", "BINARY="+binary(t))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("install.sh %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	const (
		program = "opt/gate/bin/graygate"
		conf    = "etc/graygate/graygate.yaml"
		unit    = "lib/systemd/system/graygate.service"
		rotate  = "etc/logrotate.d/graygate"
	)
	installed := map[string]os.FileMode{program: 0o755, conf: 0o640, unit: 0o644, rotate: 0o644}

	script()
	if got := filesBelow(t, dest); !reflect.DeepEqual(got, installed) {
		t.Fatalf("after the first installation\n got %v\nwant %v", got, installed)
	}
	want, err := os.ReadFile(filepath.Join(root, "examples/quickstart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, dest, conf); got != string(want) {
		t.Errorf("the example config was changed on its way:\n%s", got)
	}
	text := read(t, dest, unit)
	if strings.Contains(text, "/usr/local/") || !strings.Contains(text, "ExecStart=/opt/gate/bin/graygate serve -c /etc/graygate/graygate.yaml\n") {
		t.Errorf("the unit does not name the binary's place:\n%s", text)
	}

	const mine = "# mine\n"
	for _, path := range []string{conf, rotate} {
		if err := os.WriteFile(filepath.Join(dest, path), []byte(mine), installed[path]); err != nil {
			t.Fatal(err)
		}
	}
	if said := script(); !strings.Contains(said, "kept       "+dest+"/etc/graygate/graygate.yaml") {
		t.Errorf("the second installation does not say that it kept the config:\n%s", said)
	}
	if got := filesBelow(t, dest); !reflect.DeepEqual(got, installed) {
		t.Errorf("after the second installation\n got %v\nwant %v", got, installed)
	}
	script("--uninstall")
	script("--uninstall")
	if got, want := filesBelow(t, dest), map[string]os.FileMode{conf: 0o640, rotate: 0o644}; !reflect.DeepEqual(got, want) {
		t.Errorf("after --uninstall, twice\n got %v\nwant %v", got, want)
	}
	for _, path := range []string{conf, rotate} {
		if got := read(t, dest, path); got != mine {
			t.Errorf("%s was written over: %q, want %q", path, got, mine)
		}
	}
}

func TestInstallRefusesWhatItDoesNotKnow(t *testing.T) {
	dest := t.TempDir()
	cmd := exec.Command("sh", "scripts/install.sh", "--remove")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "DESTDIR="+dest)
	out, err := cmd.CombinedOutput()
	if want := "install.sh: unknown argument '--remove': there is only --uninstall\n"; err == nil || string(out) != want {
		t.Errorf("got %q, %v\nwant %q and a failure", out, err, want)
	}
	if got := filesBelow(t, dest); len(got) != 0 {
		t.Errorf("it installed %v", got)
	}
}

// TestUnit checks what the sandbox and systemd's own reading (scripts/check.sh) cannot: that the unit's commands are
// ones that the binary has, and that the settings the gateway counts on are there.
func TestUnit(t *testing.T) {
	settings := map[string][]string{}
	for line := range strings.Lines(read(t, root, "scripts/graygate.service")) {
		key, value, is := strings.Cut(strings.TrimSpace(line), "=")
		if is && !strings.HasPrefix(key, "#") {
			settings[key] = append(settings[key], value)
		}
	}
	const program, conf = "/usr/local/bin/graygate", "/etc/graygate/graygate.yaml"
	want := map[string][]string{
		"Type":                {"notify"},
		"ExecStartPre":        {program + " check -c " + conf},
		"ExecStart":           {program + " serve -c " + conf},
		"ExecReload":          {program + " check -c " + conf, "/bin/kill -HUP $MAINPID"},
		"AmbientCapabilities": {"CAP_NET_BIND_SERVICE"},
		"NoNewPrivileges":     {"yes"},
		"ProcSubset":          {"all"},
	}
	for key, values := range want {
		if !reflect.DeepEqual(settings[key], values) {
			t.Errorf("%s: got %q, want %q", key, settings[key], values)
		}
	}
	for _, key := range []string{"WatchdogSec", "LimitNOFILE", "User", "TimeoutStopSec"} {
		if len(settings[key]) != 1 {
			t.Errorf("%s: got %q, want one value", key, settings[key])
		}
	}
	example := filepath.Join(root, "examples/quickstart.yaml")
	for _, args := range [][]string{{"check", "-c", example}, {"serve", "-c", example, "--help"}} {
		if out, err := exec.Command(binary(t), args...).CombinedOutput(); err != nil {
			t.Errorf("graygate %q: %v\n%s", args, err, out)
		}
	}
}

// TestDockerfile checks what can be without a container engine: plain image names, no root, and that what the build
// copies is there.
func TestDockerfile(t *testing.T) {
	text := read(t, root, "Dockerfile")
	images := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1)
	if len(images) != 2 || images[1][1] != "scratch" {
		t.Errorf("stages %q: want one that builds, and scratch", images)
	}
	for _, m := range images {
		if !regexp.MustCompile(`^[a-z]+(:[0-9.]+)?$`).MatchString(m[1]) {
			t.Errorf("image %q: want an official image's plain name, so that the registry is the user's choice", m[1])
		}
	}
	goVersion := regexp.MustCompile(`(?m)^go ([0-9]+\.[0-9]+)`).FindStringSubmatch(read(t, root, "go.mod"))
	if goVersion == nil || images[0][1] != "golang:"+goVersion[1] {
		t.Errorf("the image %s is not of the Go version that go.mod names: %q", images[0][1], goVersion)
	}
	for _, line := range []string{"USER 65532:65532", `ENTRYPOINT ["/usr/local/bin/graygate"]`, `CMD ["serve", "-c", "/etc/graygate/graygate.yaml"]`} {
		if !slices.Contains(strings.Split(text, "\n"), line) {
			t.Errorf("there is no line %q", line)
		}
	}
	for _, ignored := range strings.Fields(read(t, root, ".dockerignore")) {
		for _, needed := range []string{"go.mod", "go.sum", "Makefile", "LICENSE", "cmd", "examples"} {
			if match, err := filepath.Match(ignored, needed); match || err != nil {
				t.Errorf(".dockerignore leaves out %s, which the build needs (%q, %v)", needed, ignored, err)
			}
		}
	}
}

// TestScriptsParse has the shell read every script. Not .ci/run, which is for bash: that it runs is its test.
func TestScriptsParse(t *testing.T) {
	scripts := withSuffix(readTree(t), ".sh")
	if len(scripts) < 3 {
		t.Errorf("only %d scripts found", len(scripts))
	}
	for _, f := range scripts {
		if first, _, _ := strings.Cut(f.text, "\n"); first != "#!/bin/sh" {
			t.Errorf("%s begins with %q: scripts are for any shell, so that they need nothing installed", f.path, first)
		}
		if out, err := exec.Command("sh", "-n", filepath.Join(root, f.path)).CombinedOutput(); err != nil {
			t.Errorf("sh -n %s: %v\n%s", f.path, err, out)
		}
	}
}

// TestMakeTargets tries every target that the Makefile or a document names, without running it.
func TestMakeTargets(t *testing.T) {
	named := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):.*## `).FindAllStringSubmatch(read(t, root, "Makefile"), -1) {
		named[m[1]] = "Makefile"
	}
	for _, f := range withSuffix(readTree(t), ".md") {
		for _, m := range regexp.MustCompile("(?m)(?:`|^\\$ |^)(?:sudo )?make ([a-z-]+)").FindAllStringSubmatch(f.text, -1) {
			named[m[1]] = f.path
		}
	}
	for _, must := range []string{"run", "build", "test", "bench", "fuzz", "install", "help"} {
		if named[must] == "" {
			t.Errorf("nothing names a target %s", must)
		}
	}
	for target, where := range named {
		cmd := exec.Command("make", "-n", target)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("make -n %s (named in %s): %v\n%s", target, where, err, out)
		}
	}
}

func read(t *testing.T, dir, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// filesBelow gives the files below a folder, with their modes.
func filesBelow(t *testing.T, dir string) map[string]os.FileMode {
	t.Helper()
	all := map[string]os.FileMode{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		path, err := filepath.Rel(dir, name)
		all[filepath.ToSlash(path)] = info.Mode().Perm()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
