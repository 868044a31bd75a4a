package rig

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// nginxSpec starts nginx with a master, as it runs in production. `-e` keeps it away from the system's own log.
func nginxSpec(p *Proxy) (Spec, error) { return nginxCommand(p.rig, p.config()) }

func nginxCommand(r *Rig, config string) (Spec, error) {
	path, err := Find("nginx")
	if err != nil {
		return Spec{}, err
	}
	// A killed master would leave its workers behind: it must get a signal that it can act upon.
	return Spec{Path: path, Args: []string{"-p", r.Dir, "-e", config + ".error.log", "-c", config}, Orphaned: syscall.SIGTERM}, nil
}

// AnswerBytes is the length of the backend's small answer.
const AnswerBytes = 100

// Answer is what the backend's pool of this name answers to GET /: its name, a space, and dots up to AnswerBytes.
func Answer(pool string) string {
	return pool + " " + strings.Repeat(".", max(0, AnswerBytes-len(pool)-1))
}

// AnsweredBy is the pool that a small answer comes from, "" if the answer is not one of the backend's, whole.
func AnsweredBy(body string) string {
	pool, _, _ := strings.Cut(body, " ")
	if body != Answer(pool) {
		return ""
	}
	return pool
}

// backendPool is a pool as the backend's template sees it.
type backendPool struct{ Address, Answer string }

// StartBackend starts one nginx worker that plays a one-endpoint pool for every name, each on its own port, on the
// cores meant for load. It returns the pools' host:port in the order of the names.
func (r *Rig) StartBackend(ctx context.Context, pools ...string) ([]string, error) {
	addresses := make([]string, len(pools))
	views := make([]backendPool, len(pools))
	for i, name := range pools {
		var err error
		if addresses[i], err = r.Address(); err != nil {
			return nil, err
		}
		views[i] = backendPool{Address: addresses[i], Answer: Answer(name)}
	}
	text, err := render("backend.conf.tmpl", map[string]any{"Name": "backend", "Dir": r.Dir, "Root": os.Geteuid() == 0, "Pools": views})
	if err != nil {
		return nil, err
	}
	config, err := r.WriteFile("backend.conf", text)
	if err != nil {
		return nil, err
	}
	spec, err := nginxCommand(r, config)
	if err != nil {
		return nil, err
	}
	spec.Name, spec.CPUs = "backend", r.CPUs.Load
	p, err := r.Start(spec)
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		if err := waitReady(ctx, p, address); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

// BodyPath is the path under which the backend serves a body of so many bytes, once AddBody has made it.
func BodyPath(bytes int) string { return "/body/" + strconv.Itoa(bytes) }

// AddBody makes the backend serve a body of so many bytes.
func (r *Rig) AddBody(bytes int) error {
	if err := os.MkdirAll(filepath.Join(r.Dir, "body"), 0o755); err != nil {
		return err
	}
	_, err := r.WriteFile(BodyPath(bytes), []byte(strings.Repeat("x", bytes)))
	return err
}
