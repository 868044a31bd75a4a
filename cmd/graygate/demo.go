package main

import (
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/valyala/fasthttp"

	"graygate/config"
)

type demoCommand struct {
	Config string `short:"c" placeholder:"FILE" default:"examples/quickstart.yaml" help:"The config file."`
}

func (c demoCommand) Run() error {
	plan, err := config.Read(c.Config)
	if err != nil {
		return serve(c.Config, slog.LevelWarn, nil) // which says what is wrong with it
	}
	for _, u := range plan.Upstreams {
		for _, e := range u.Pool.Endpoints {
			if err := demoBackend(u.Pool.Name, e.Address); err != nil {
				return err
			}
		}
	}
	return serve(c.Config, slog.LevelWarn, printTry)
}

// demoBackend answers every request with who it is and what the gateway told it.
func demoBackend(pool, address string) error {
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("demo backend of pool %s: %w", pool, err)
	}
	handler := func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("text/plain; charset=utf-8")
		fmt.Fprintf(ctx, "%s at %s", pool, address)
		if rule := ctx.Request.Header.Peek("X-Gray-Rule"); len(rule) > 0 {
			fmt.Fprintf(ctx, ", by rule %s", rule)
		}
		fmt.Fprintln(ctx)
	}
	go func() { _ = fasthttp.Serve(socket, handler) }()
	return nil
}

func printTry(plan *config.Plan) {
	url := "http://" + plan.Listeners[0].Address
	var pools []string
	for _, u := range plan.Upstreams {
		pools = append(pools, fmt.Sprintf("%s (%d)", u.Pool.Name, len(u.Pool.Endpoints)))
	}
	fmt.Printf(`graygate is up, before demo backends for %[2]s. Try:

  curl %[1]s/
  curl -H 'X-Gray-Tag: gray' %[1]s/
  curl -H 'X-User-Id: ivan' %[1]s/

Ctrl-C ends it.
`, url, strings.Join(pools, ", "))
}
