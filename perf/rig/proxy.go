package rig

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// The proxies that StartProxy knows.
const (
	Graygate = "graygate"
	Nginx    = "nginx"
	HAProxy  = "haproxy"
)

// readyWithin bounds the time from the start of a process to its first right answer.
const readyWithin = 15 * time.Second

// Setup is what all proxies are told alike. The rule is always the same: the header X-Gray-Tag: gray leads to the
// gray pool, everything else to the stable one.
type Setup struct {
	Stable, Gray   string // host:port of each pool's endpoint; graygate takes several, with commas between
	Loops          int    // event loops, workers, threads; 0: one per core
	CPUs           []int  // where the proxy may run; empty: on all cores
	MaxConnections int    // client connections; 0: 4096
	// Forwarded makes nginx and HAProxy add what graygate always adds: the decision, a request id, and
	// X-Forwarded-For, -Proto and -Host. Without it they pass requests on as they are, which costs them less.
	Forwarded bool
	// Observed is what the config says of metrics, access log and tracing, as lines, for graygate alone; "": no access log, no tracing.
	Observed string
	// Large makes the config large, for graygate alone.
	Large Large
	// Healing is what is on of that, for graygate alone.
	Healing Healing
	// GraygatePath is the binary, for graygate alone.
	GraygatePath string
}

// Proxy is a running proxy.
type Proxy struct {
	Name    string
	Address string // host:port for clients
	Admin   string // host:port of graygate's admin address, "" for the others
	*Proc

	rig      *Rig
	setup    Setup
	template string // of the config file, without .tmpl
	file     string // name of the config file in the rig's folder
}

// view is what the templates of proxies see.
type view struct {
	Setup
	Name, Address, Admin, Dir string
	Sockets                   int // both sides of every connection, and some
	Root                      bool
}

// StartProxy starts a proxy by name and returns once it has answered a request from the stable pool.
func (r *Rig) StartProxy(ctx context.Context, name string, s Setup) (*Proxy, error) {
	return r.startProxy(ctx, name, name, s)
}

// StartGraygate is StartProxy for one of several graygates, each of which has a name of its own.
func (r *Rig) StartGraygate(ctx context.Context, name string, s Setup) (*Proxy, error) {
	return r.startProxy(ctx, Graygate, name, s)
}

func (r *Rig) startProxy(ctx context.Context, kind, name string, s Setup) (*Proxy, error) {
	if s.MaxConnections == 0 {
		s.MaxConnections = 4096
	}
	p := &Proxy{Name: name, rig: r, setup: s}
	var err error
	if p.Address, err = r.Address(); err != nil {
		return nil, err
	}
	var command func(*Proxy) (Spec, error)
	switch kind {
	case Graygate:
		p.template, p.file, command = "graygate.yaml", name+".yaml", graygateSpec
		if p.Admin, err = r.Address(); err != nil {
			return nil, err
		}
	case Nginx:
		p.template, p.file, command = "nginx.conf", "nginx.conf", nginxSpec
	case HAProxy:
		p.template, p.file, command = "haproxy.cfg", "haproxy.cfg", haproxySpec
	default:
		return nil, fmt.Errorf("no proxy named %q: there are graygate, nginx, haproxy", kind)
	}
	if err := p.Repoint(s.Stable, s.Gray); err != nil {
		return nil, err
	}
	spec, err := command(p)
	if err != nil {
		return nil, err
	}
	spec.Name, spec.CPUs = name, s.CPUs
	if p.Proc, err = r.Start(spec); err != nil {
		return nil, err
	}
	return p, waitReady(ctx, p.Proc, p.Address)
}

// Repoint rewrites the config file so that the pools lead to these endpoints. The proxy takes it up at its next
// Reload.
func (p *Proxy) Repoint(stable, gray string) error {
	v := view{Setup: p.setup, Name: p.Name, Address: p.Address, Admin: p.Admin, Dir: p.rig.Dir,
		Sockets: 2*p.setup.MaxConnections + 64, Root: os.Geteuid() == 0}
	v.Stable, v.Gray = stable, gray
	text, err := render(p.template+".tmpl", v)
	if err != nil {
		return err
	}
	_, err = p.rig.WriteFile(p.file, text)
	return err
}

// Reload asks for a reload by SIGHUP. HAProxy as it is started here does not know that.
func (p *Proxy) Reload() error { return p.Signal(syscall.SIGHUP) }

// config is the path of the config file.
func (p *Proxy) config() string { return p.rig.Dir + "/" + p.file }
