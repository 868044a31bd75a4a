package main

import (
	"fmt"
	"os"

	"graygate/config"
)

type checkCommand struct {
	configFlag
	Print bool `help:"Print the effective config, with every default filled in."`
}

func (c checkCommand) Run() error {
	plan, err := config.Read(c.Config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitStatus(1)
	}
	for _, warning := range plan.Warnings() {
		fmt.Fprintf(os.Stderr, "%s: warning: %s\n", c.Config, warning)
	}
	if c.Print {
		_, err = os.Stdout.Write(plan.YAML())
		return err
	}
	fmt.Printf("%s: ok (%d routes, %d upstreams)\n", c.Config, len(plan.Routes), len(plan.Upstreams))
	return nil
}
