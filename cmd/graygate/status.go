package main

import (
	"bytes"
	"cmp"
	"fmt"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"graygate/admin"
)

type statusCommand struct {
	adminFlags
	JSON bool `name:"json" help:"Print the JSON of the admin API."`
}

// Help is what `graygate status --help` says below the usage.
func (c statusCommand) Help() string {
	return `Says on one screen how a running gateway stands.

Exit status: 0 it is ready, and the last reload went well; 1 it cannot be asked; 2 it is not ready, or runs by an older config than the file's.

Examples:
  graygate status -c graygate.yaml
  graygate status --admin unix:/run/graygate/admin.sock`
}

func (c statusCommand) Run() error {
	a, err := c.asker()
	if err != nil {
		return err
	}
	if c.JSON {
		return a.raw("/status")
	}
	st, err := a.status()
	if err != nil {
		return err
	}
	var up struct{ Pools []poolData }
	unknown := a.into("/upstreams", &up) // it may be that only the first is allowed
	if _, err := os.Stdout.Write(statusText(&st, up.Pools, unknown)); err != nil {
		return err
	}
	if !st.Ready || !st.Reload.OK {
		return notWell
	}
	return nil
}

// statusText is the screen.
func statusText(st *admin.Status, pools []poolData, unknown error) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, plainText(fmt.Sprintf(format, args...)))
	}
	ready := "ready"
	if !st.Ready {
		ready = "NOT READY"
	}
	if st.Draining {
		ready = "DRAINING"
	}
	row("gateway", "%s, %s, process %d, up for %s", ready, st.Version, st.PID, time.Duration(st.UptimeS*float64(time.Second)).Round(time.Second))
	row("config", "%s, generation %d", st.Config, st.Generation)
	switch {
	case !st.Reload.OK:
		row("reload", "FAILED at %s: the config before stays in force", st.Reload.At.Format(time.DateTime))
		for line := range strings.Lines(st.Reload.Error) {
			row("", "%s", strings.TrimSuffix(line, "\n"))
		}
	case st.Reload.Count > 0:
		row("reload", "ok at %s, %d so far", st.Reload.At.Format(time.DateTime), st.Reload.Count)
	}
	for _, a := range st.Audiences {
		switch {
		case !a.Loaded:
			row("audience", "%s: NOT LOADED; %s", a.Name, cmp.Or(a.LastError, "it is loading"))
		case a.LastError != "":
			row("audience", "%s: %d members since %s; the last load failed: %s", a.Name, a.Members, a.Since.Format(time.DateTime), a.LastError)
		default:
			row("audience", "%s: %d members", a.Name, a.Members)
		}
	}
	switch st.Overload {
	case "strained":
		row("overload", "STRAINED, by %s: clients are sent to other gateways by Connection: close", st.OverloadBy)
	case "on":
		row("overload", "ON, by %s: a share of the requests is answered 503", st.OverloadBy)
	}
	row("connections", "%d open, %d refused", st.Connections, st.Refused)
	n := &st.Counters
	row("requests", "%d, of them %s to gray, %d fell back", n.Requests, percentText(float64(n.Gray), float64(n.Requests)), n.Fallbacks)
	row("trouble", "%d answered by the gateway itself, %d retries, %d cut off, %d shed, %d over a limit, %d panics", n.Local, n.Retries.Sum(), n.Cut, n.Shed, n.Limited+n.Crowded, n.Panics)
	row("loops", "the slowest ticked %.0f ms ago; each does every 100 ms", st.LoopLagMS)
	row("memory", "%.1f MiB of heap, %d collections", float64(st.HeapBytes)/(1<<20), st.GCCycles)
	if unknown != nil {
		row("pools", "%s", unknown)
	}
	for i := range pools {
		p := &pools[i]
		asked, worst := 0, ""
		for j := range p.Endpoints {
			if e := &p.Endpoints[j]; e.asked() {
				asked++
			} else if worst == "" {
				worst = fmt.Sprintf("; %s is %s: %s", e.Address, e.State, e.Reason)
			}
		}
		row("pool "+plainText(p.Name), "%d of %d endpoints are asked, %d in flight, p95 %s%s", asked, len(p.Endpoints), p.InFlight, milliText(p.P95), worst)
	}
	_ = w.Flush() // to memory
	return b.Bytes()
}

// percentText is a share of a whole; - of nothing.
func percentText(part, whole float64) string {
	if whole <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*part/whole)
}

// queryText is a text as the value of a query parameter.
func queryText(text string) string { return url.QueryEscape(text) }
