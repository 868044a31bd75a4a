package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func graygateSpec(p *Proxy) (Spec, error) {
	if p.setup.GraygatePath == "" {
		return Spec{}, errors.New("BUG: graygate started without its path")
	}
	return Spec{Path: p.setup.GraygatePath, Args: []string{"serve", "-c", p.config()}}, nil
}

// Root is the module's folder: the working directory or the nearest one above it with a go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("no go.mod here or above: run the benchmarks inside graygate's source")
		}
		dir = above
	}
}

// Build builds graygate the way it is released, without cgo, and returns the binary's path.
func Build(ctx context.Context, root string) (string, error) {
	path := filepath.Join(root, "bin", "graygate")
	return path, buildAt(ctx, root, path)
}

// BuildRevision builds the graygate of a git revision in a temporary folder, the way Build does, and puts the binary at path.
func BuildRevision(ctx context.Context, root, revision, path string) error {
	git, err := Find("git")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "graygate-revision-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files := filepath.Join(dir, "files.tar")
	archive := exec.CommandContext(ctx, git, "archive", "--format=tar", "-o", files, revision)
	archive.Dir = root
	if out, err := archive.CombinedOutput(); err != nil {
		return fmt.Errorf("revision %s of graygate: %w\n%s(a clone without its history lacks it: `git fetch --unshallow`)", revision, err, out)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-xf", files, "-C", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack revision %s of graygate: %w\n%s", revision, err, out)
	}
	return buildAt(ctx, dir, path)
}

func buildAt(ctx context.Context, root, path string) error {
	goTool, err := Find("go")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, goTool, "build", "-trimpath", "-o", path, "./cmd/graygate")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build graygate: %w\n%s", err, out)
	}
	return nil
}

// Status is what the benchmarks read of graygate's admin address: the totals of the Go runtime and of requests
// since the process started, and how the last reload went.
type Status struct {
	Mallocs        uint64 `json:"mallocs"`
	HeapAllocBytes uint64 `json:"heap_alloc_bytes"`
	Requests       uint64 `json:"requests"`
	GCCycles       uint64 `json:"gc_cycles"`
	Reload         struct {
		Count uint64    `json:"count"`
		OK    bool      `json:"ok"`
		At    time.Time `json:"at"` // when the last one was over
	} `json:"reload"`
}

// Status reads GET /status of the admin address. An answer without one of the fields is an error.
func (p *Proxy) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Admin+"/status", nil)
	if err != nil {
		return Status{}, err
	}
	resp, err := oneShot.Do(req)
	if err != nil {
		return Status{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return Status{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return Status{}, fmt.Errorf("GET /status of the admin address: %s", resp.Status)
	}
	return parseStatus(body)
}

func parseStatus(body []byte) (Status, error) {
	var present map[string]json.RawMessage
	if err := json.Unmarshal(body, &present); err != nil {
		return Status{}, fmt.Errorf("status of the admin address: %w", err)
	}
	for _, field := range []string{"mallocs", "heap_alloc_bytes", "requests", "gc_cycles"} {
		if _, there := present[field]; !there {
			return Status{}, fmt.Errorf("status of the admin address has no %q: %.200s", field, body)
		}
	}
	var s Status
	if err := json.Unmarshal(body, &s); err != nil {
		return Status{}, fmt.Errorf("status of the admin address: %w", err)
	}
	return s, nil
}
