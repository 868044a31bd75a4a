package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"graygate/config"
	"graygate/upstream"
)

type explainCommand struct {
	configFlag
	URL     string        `arg:"" help:"The URL, or only its path."`
	Method  string        `short:"X" name:"request" default:"GET" help:"The method."`
	Headers []string      `short:"H" name:"header" sep:"none" placeholder:"NAME: VALUE" help:"A header field; may be repeated."`
	Cookies []string      `short:"b" name:"cookie" sep:"none" placeholder:"NAME=VALUE" help:"A cookie; may be repeated."`
	Agent   string        `short:"A" name:"user-agent" help:"The User-Agent field."`
	IP      netip.Addr    `name:"ip" default:"127.0.0.1" help:"The client's address."`
	At      time.Time     `placeholder:"TIME" help:"When the request comes, as in 2026-12-24T18:00:00Z; now unless said."`
	Wait    time.Duration `default:"5s" help:"How long to wait for each audience that is in Redis."`
	JSON    bool          `name:"json" help:"Print JSON."`
	Code    bool          `name:"bytecode" help:"Print as well what the conditions were compiled to."`
}

// Help is what `graygate explain --help` says below the usage.
func (c explainCommand) Help() string {
	return `Says where a request would go and why: the rules one by one, the layers, the variants, and what the upstream is told.
It asks the config file, no running gateway.

Examples:
  graygate explain -c graygate.yaml -H 'X-User-Id: ivan' http://shop.example.com/cart
  graygate explain -c graygate.yaml -b uid=ivan --at 2026-12-24T18:00:00Z --json /cart`
}

func (c explainCommand) Run() error {
	request, err := c.request(time.Now())
	if err != nil {
		return err
	}
	plan, err := config.Read(c.Config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitStatus(1)
	}
	snap, notes, done, err := offline(plan, c.Wait)
	if err != nil {
		return err
	}
	defer done()
	e := snap.Explain(request)
	e.Notes = append(e.Notes, notes...)
	if c.JSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(e)
	}
	_, err = os.Stdout.WriteString(e.Text(colored(os.Stdout)))
	return err
}

// request makes the request of the flags.
func (c explainCommand) request(now time.Time) (config.ExplainRequest, error) {
	r := config.ExplainRequest{Method: c.Method, IP: c.IP, Time: c.At, Bytecode: c.Code}
	if r.Time.IsZero() {
		r.Time = now
	}
	t, err := parseTarget(c.URL)
	if err != nil {
		return r, err
	}
	r.Host, r.Path, r.Query = t.host, t.path, t.query
	for _, h := range c.Headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok { // curl's way to send one that is empty
			name, ok = strings.CutSuffix(h, ";")
		}
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(h, "\r\n\x00") {
			return r, fmt.Errorf("%q is no header field; write 'NAME: VALUE', or 'NAME;' for an empty one", h)
		}
		if value = strings.Trim(value, " \t"); strings.EqualFold(name, "Host") {
			r.Host = value
			continue
		}
		r.Headers = append(r.Headers, config.Header{Name: name, Value: value})
	}
	if len(c.Cookies) > 0 {
		r.Headers = append(r.Headers, config.Header{Name: "Cookie", Value: strings.Join(c.Cookies, "; ")})
	}
	if c.Agent != "" {
		r.Headers = append(r.Headers, config.Header{Name: "User-Agent", Value: c.Agent})
	}
	return r, nil
}

// offline compiles a plan for questions about it, without a gateway. notes tell what could not be loaded; done is to be
// called at the end.
func offline(plan *config.Plan, wait time.Duration) (snap *config.Snapshot, notes []string, done func(), err error) {
	looked, notes, done, err := lookUp(plan, wait)
	if err != nil {
		return nil, nil, nil, err
	}
	if snap, err = config.Build(plan, looked, upstream.NewRegistry(upstream.Options{}), 1); err != nil {
		done()
		return nil, nil, nil, err
	}
	return snap, notes, done, nil
}

// colored reports whether a file is a terminal whose user has nothing against colour.
func colored(f *os.File) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}
