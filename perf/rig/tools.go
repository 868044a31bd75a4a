package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Missing is the error for what the machine lacks: packages to install, or limits to raise.
type Missing struct{ What []string }

func (m *Missing) Error() string { return strings.Join(m.What, "\n") }

// packages names the Debian package of every tool used.
var packages = map[string]string{"nginx": "nginx", "haproxy": "haproxy", "wrk": "wrk", "go": "golang-go", "git": "git"}

// Need makes sure that all these tools are there; if not, its error is a *Missing that names every missing one.
func Need(tools ...string) error {
	var missing Missing
	for _, tool := range tools {
		if _, err := Find(tool); err != nil {
			missing.What = append(missing.What, err.Error())
		}
	}
	if len(missing.What) > 0 {
		return &missing
	}
	return nil
}

// Find is the path of a tool. Debian keeps nginx and HAProxy where only root's PATH leads, so those folders are
// looked into as well.
func Find(tool string) (string, error) {
	if path, err := exec.LookPath(tool); err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		path := filepath.Join(dir, tool)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", &Missing{What: []string{fmt.Sprintf("%s is missing: install it with `apt-get install %s`", tool, packages[tool])}}
}

// Version is the first line that a tool prints about its version; what it says instead if that fails.
func Version(path string, args ...string) string {
	// Its exit status does not matter: wrk prints its version and fails.
	out, err := exec.Command(path, args...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if line == "" && err != nil {
		return "unknown: " + err.Error()
	}
	return strings.TrimSpace(line)
}
