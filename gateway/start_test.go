package gateway_test

import (
	"log/slog"

	"graygate/config"
	"graygate/gateway"
)

// startOnly starts a gateway that is not expected to start, and gives the error.
func startOnly(text string) error {
	plan, err := config.Parse("test.yaml", []byte(text))
	if err != nil {
		return err
	}
	g, err := gateway.New(plan, gateway.Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		g.Stop()
	}
	return err
}
