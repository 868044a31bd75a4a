package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// AccessLog is the file of an access log, read back.
type AccessLog struct {
	path string
	t    testing.TB
}

// NewAccessLog chooses a file in a directory of the test's own.
func NewAccessLog(t testing.TB) *AccessLog {
	return &AccessLog{path: filepath.Join(t.TempDir(), "access.log"), t: t}
}

// YAML is what a config says to have everything written there.
func (a *AccessLog) YAML() string {
	return fmt.Sprintf("access_log: {to: %q, sample: all}\n", a.path)
}

// Wait waits until there are n lines, and gives all there are.
func (a *AccessLog) Wait(n int) []map[string]any {
	a.t.Helper()
	var lines []map[string]any
	Until(a.t, fmt.Sprintf("%d access log lines", n), func() bool {
		lines = a.Lines()
		return len(lines) >= n
	})
	return lines
}

// Lines are those there are now.
func (a *AccessLog) Lines() []map[string]any {
	a.t.Helper()
	text, err := os.ReadFile(a.path)
	if err != nil {
		return nil
	}
	var lines []map[string]any
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // being written
		}
		fields := map[string]any{}
		if err := json.Unmarshal(line, &fields); err != nil {
			a.t.Fatalf("access log line %q: %v", line, err)
		}
		lines = append(lines, fields)
	}
	return lines
}
