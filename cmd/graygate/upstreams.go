package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"
)

type upstreamsCommand struct {
	adminFlags
	Watch    bool          `short:"w" help:"Print it again and again, until interrupted."`
	Interval time.Duration `default:"1s" help:"How long to wait between two times."`
	Pool     string        `placeholder:"NAME" help:"This pool only."`
	JSON     bool          `name:"json" xor:"how" help:"Print the JSON of the admin API."`
}

// Help is what `graygate upstreams --help` says below the usage.
func (c upstreamsCommand) Help() string {
	return `Says how the pools and endpoints of a running gateway stand.

Exit status: 0 each pool has an endpoint that requests are sent to; 1 the gateway cannot be asked; 2 a pool has none.

Examples:
  graygate upstreams -c graygate.yaml
  graygate upstreams --admin 127.0.0.1:9901 -w --pool gray`
}

func (c upstreamsCommand) Run() error {
	a, err := c.asker()
	if err != nil {
		return err
	}
	path := "/upstreams"
	if c.Pool != "" {
		path += "?pool=" + queryText(c.Pool)
	}
	if c.JSON {
		return a.raw(path)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)
	for {
		text, well, err := c.table(a, path)
		if err != nil {
			return err
		}
		if c.Watch && colored(os.Stdout) {
			// Over what was there, line by line, and what is left below cleared: nothing flickers.
			text = append([]byte("\x1b[H"), append(bytes.ReplaceAll(text, []byte("\n"), []byte("\x1b[K\n")), "\x1b[J"...)...)
		}
		if _, err := os.Stdout.Write(text); err != nil {
			return err
		}
		if !c.Watch {
			if !well {
				return notWell
			}
			return nil
		}
		select {
		case <-stop:
			return nil
		case <-time.After(max(c.Interval, 100*time.Millisecond)):
		}
	}
}

// table makes the table; well: each pool has somebody who is asked.
func (c upstreamsCommand) table(a *asker, path string) (text []byte, well bool, err error) {
	var got struct{ Pools []poolData }
	if err := a.into(path, &got); err != nil {
		return nil, false, err
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POOL\tENDPOINT\tSTATE\tIN FLIGHT\tLATENCY\tWEIGHT\tREASON")
	well = true
	for i := range got.Pools {
		p := &got.Pools[i]
		asked := false
		for j := range p.Endpoints {
			e := &p.Endpoints[j]
			asked = asked || e.asked()
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\t%s\n", plainText(p.Name), plainText(e.Address), plainText(e.State), e.InFlight, milliText(e.Latency), e.Weight, plainText(e.Reason))
		}
		if len(p.Endpoints) == 0 {
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\t%s\n", plainText(p.Name), "no endpoint is known")
		}
		if p.Breaker != nil && p.Breaker.State != "closed" {
			fmt.Fprintf(w, "%s\t(all)\t%s\t%d\t%s\t-\t%s\n", plainText(p.Name), plainText(p.Breaker.State), p.InFlight, milliText(p.P95), "the pool's own breaker")
		}
		well = well && asked
	}
	_ = w.Flush() // to memory
	return b.Bytes(), well, nil
}

// milliText writes milliseconds; - is nothing known.
func milliText(ms float64) string {
	switch {
	case ms <= 0:
		return "-"
	case ms < 10:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}
