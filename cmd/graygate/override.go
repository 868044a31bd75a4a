package main

import (
	"fmt"
	"os"
	"time"

	"graygate/config"
	"graygate/match"
	"graygate/upstream"
)

type overrideCommand struct {
	configFlag
	For      time.Duration `default:"1h" help:"How long it holds from now."`
	Tenant   string        `help:"Of whose experiments; those of requests without a tenant unless said."`
	Variants []string      `arg:"" name:"EXPERIMENT=VARIANT" help:"What to force."`
}

// Help is what `graygate override --help` says below the usage.
func (c overrideCommand) Help() string {
	return `Prints a header field that forces variants on the requests that carry it, signed with the key of
assignments.override_key_file: whoever has it can use it until it expires.

Example:
  curl -H "$(graygate override -c graygate.yaml search_v2=B)" http://shop.example.com/`
}

func (c overrideCommand) Run() error {
	if c.For < time.Second {
		return fmt.Errorf("--for %s is over at once; give a second or more", c.For)
	}
	plan, err := config.Read(c.Config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitStatus(1)
	}
	snap, err := config.Build(plan, nobody(plan), upstream.NewRegistry(upstream.Options{}), 1)
	if err != nil {
		return err
	}
	now := time.Now()
	value, err := snap.SignOverride(c.Tenant, c.Variants, now, now.Add(c.For))
	if err != nil {
		return err
	}
	fmt.Println("X-Experiment-Override: " + value)
	return nil
}

// nobody gives look-ups in which every audience of a plan is empty: enough where no request is decided.
func nobody(plan *config.Plan) match.Lookups {
	l := match.Lookups{Audiences: map[string]match.Audience{}}
	for _, a := range plan.Audiences {
		l.Audiences[a.Name] = noMembers{}
	}
	return l
}

// noMembers is an audience that nobody is in.
type noMembers struct{}

func (noMembers) Contains([]byte) bool { return false }
