package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"graygate/gateway"
)

// notifier tells systemd how the process fares (sd_notify(3)); without systemd it tells nobody.
type notifier struct{ log *slog.Logger }

func newNotifier(log *slog.Logger) notifier { return notifier{log} }

func (n notifier) say(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.log.Warn("systemd could not be told", "state", state, "error", err)
	}
}

// ready says that the process serves.
func (n notifier) ready() {
	n.say(daemon.SdNotifyReady)
}

func (n notifier) reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return
	}
	n.say(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000))
}

// successor says that another process is the service's main one from now on. It must be heard from this one, for
// systemd believes the main process alone (NotifyAccess=main), and before this one says that it stops.
func (n notifier) successor(pid int) { n.say(fmt.Sprintf("MAINPID=%d", pid)) }

func (n notifier) stopping() { n.say(daemon.SdNotifyStopping) }

// watch pets the watchdog as long as every event loop answers its tick. The returned function ends it.
func (n notifier) watch(g *gateway.Gateway) (stop func()) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(interval / 3)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if lag := g.LoopLag(); lag < interval/2 {
					n.say(daemon.SdNotifyWatchdog)
				} else {
					n.log.Error("an event loop does not answer: the watchdog is not told", "lag", lag.String())
				}
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}
