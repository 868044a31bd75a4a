// Command graygate is the gateway and the tools around it.
package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/alecthomas/kong"
)

const description = `An edge gateway that releases new versions to a few.

Examples:
  graygate demo -c FILE      try it: backends and gateway in one process
  graygate check -c FILE     every mistake, with its line and how to mend it
  graygate serve -c FILE     run
  graygate reload -c FILE    put the changed file into force, and say whether it was
  graygate status -c FILE    how it stands; graygate top shows it live
  graygate explain -c FILE -H 'X-User-Id: ivan' http://shop.example.com/cart
                             what would happen to a request, and why`

type commands struct {
	Serve     serveCommand     `cmd:"" help:"Run the gateway. SIGHUP reloads, SIGTERM drains (a second one stops), SIGUSR2 starts the new binary and hands the sockets over."`
	Check     checkCommand     `cmd:"" help:"Check a config file; exit status 1 if it has mistakes, all of which are said."`
	Explain   explainCommand   `cmd:"" help:"Say where a request would go, and why."`
	Slots     slotsCommand     `cmd:"" help:"Print whose the slots of a layer are, and propose free ones."`
	Override  overrideCommand  `cmd:"" help:"Print a signed header that forces variants, for testers."`
	Reload    reloadCommand    `cmd:"" help:"Make the running gateway reload its config, and wait for the outcome; exit status 1 if it kept the old one."`
	Status    statusCommand    `cmd:"" help:"Say how the running gateway stands; exit status 2 if it is not ready or runs by an older config."`
	Upstreams upstreamsCommand `cmd:"" help:"Print how the pools and endpoints of the running gateway stand; exit status 2 if a pool has nobody to ask."`
	Top       topCommand       `cmd:"" help:"Show the running gateway live, in the terminal."`
	Demo      demoCommand      `cmd:"" help:"Run the gateway with a backend of its own at every endpoint of the config."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

// configFlag is the flag that all commands share.
type configFlag struct {
	Config string `short:"c" required:"" placeholder:"FILE" help:"The config file."`
}

func main() {
	var c commands
	k := kong.Parse(&c, kong.Name("graygate"), kong.Description(description), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	err := k.Run()
	var status exitStatus
	switch {
	case err == nil:
	case errors.As(err, &status):
		os.Exit(int(status))
	case errors.Is(err, syscall.EADDRINUSE):
		fmt.Fprintf(os.Stderr, "graygate: %s; another process listens there, which `ss -ltnp` names: end it, or choose another address\n", err)
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "graygate:", err)
		os.Exit(1)
	}
}

// exitStatus ends the process with that status when everything there is to say was said.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }
