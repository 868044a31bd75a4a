package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

type topCommand struct {
	adminFlags
	Interval time.Duration `default:"1s" help:"How often it asks; at least 0.2 s."`
}

// Help is what `graygate top --help` says below the usage.
func (c topCommand) Help() string {
	return `Shows a running gateway live, in the terminal: traffic by route, gray against stable, endpoints, events.
Keys: q ends it, space holds the picture.

Exit status: 0 it was ended; 1 the gateway cannot be asked, or this is no terminal.

Examples:
  graygate top -c graygate.yaml
  graygate top --admin 127.0.0.1:9901 --interval 2s`
}

// The terminal is driven by hand: half a dozen sequences that every terminal of the last decades knows, and x/term for its mode. A
// framework would bring more code than all of this command.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // another screen, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	beginFrame  = "\x1b[?2026h\x1b[H" // what follows is to be shown at once; from the top
	endFrame    = "\x1b[J\x1b[?2026l"
)

const (
	leastInterval = 200 * time.Millisecond
	keysAtOnce    = 64
)

func (c topCommand) Run() (err error) {
	a, err := c.asker()
	if err != nil {
		return err
	}
	out := int(os.Stdout.Fd())
	if !term.IsTerminal(out) || !term.IsTerminal(int(os.Stdin.Fd())) {
		return errors.New("top needs a terminal; graygate status and graygate upstreams print")
	}
	var first topData
	if err := a.into(topPath(0), &first); err != nil {
		return err // before anything of the terminal is changed
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGWINCH)
	defer signal.Stop(signals)
	mode, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	// Also after a panic: a terminal that is left raw is no use to anybody.
	defer func() {
		_, _ = os.Stdout.WriteString(leaveScreen)
		if back := term.Restore(int(os.Stdin.Fd()), mode); err == nil {
			err = back
		}
	}()
	if _, err := os.Stdout.WriteString(enterScreen); err != nil {
		return err
	}
	return c.show(a, newTopView(&first), signals, keys())
}

// show draws until it is told to end.
func (c topCommand) show(a *asker, view *topView, signals <-chan os.Signal, keys <-chan byte) error {
	ticks := time.NewTicker(max(c.Interval, leastInterval))
	defer ticks.Stop()
	held := false
	for {
		if err := view.draw(held); err != nil {
			return err
		}
		select {
		case sig := <-signals:
			if sig != syscall.SIGWINCH {
				return nil
			}
		case key, more := <-keys:
			switch {
			case !more, key == 'q', key == 'Q', key == 3, key == 4: // Ctrl-C, Ctrl-D
				return nil
			case key == ' ':
				held = !held
			}
		case <-ticks.C:
			if held {
				continue
			}
			var next topData
			view.trouble = a.into(topPath(view.now.Events.Last), &next)
			if view.trouble == nil {
				view.take(&next)
			}
		}
	}
}

// topPath is what is asked for: all routes that fit into an answer, and the events that are new.
func topPath(since uint64) string { return fmt.Sprintf("/ui/data?limit=1000&since=%d", since) }

// keys gives what is typed, until the input ends. The goroutine ends with the process.
func keys() <-chan byte {
	typed := make(chan byte, keysAtOnce)
	go func() {
		defer close(typed)
		b := make([]byte, keysAtOnce)
		for {
			n, err := os.Stdin.Read(b)
			for _, key := range b[:n] {
				typed <- key
			}
			if err != nil {
				return
			}
		}
	}()
	return typed
}

// draw writes the frame that fits the terminal as it is now, by one write.
func (v *topView) draw(held bool) error {
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || width < 1 || height < 1 {
		width, height = 80, 24
	}
	text := []byte(beginFrame)
	for i, line := range v.frame(width, height, held) {
		if i > 0 {
			text = append(text, "\r\n"...)
		}
		text = append(append(text, line...), "\x1b[K"...)
	}
	_, err = os.Stdout.Write(append(text, endFrame...))
	return err
}
