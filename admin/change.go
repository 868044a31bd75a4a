package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"graygate/gateway"
	"graygate/telemetry"
	"graygate/upstream"
)

// Change is something that somebody wants to be otherwise.
type Change struct {
	Time   time.Time
	Actor  string // who has asked: that the token was known, and from where
	Action string // a stable word: reload, drain, undrain, reset_breaker
	Target string // what is changed: a file, POOL, or POOL/ADDRESS
	Reason string // in the words of who asked; "" is none. Printable, at most 256 bytes
}

// Hook hears of every change before it is made. If it returns an error, the change is not made: what has to be on record must be
// there first. done, which may be nil, is called with what came of it; nil is success.
type Hook func(context.Context, Change) (done func(error), err error)

// OnChange adds a hook. Hooks are called in their order, one change at a time. To be called before Listen.
func (s *Server) OnChange(h Hook) { s.hooks = append(s.hooks, h) }

// errRefused is the error of a change that a hook did not let pass.
var errRefused = errors.New("the change is not on record, and so was not made")

// change is the one way by which anything is changed from here: in turn, with the hooks before and after, logged, and told to who
// follows the events. ctx bounds the waiting for its turn, and is given on.
func (s *Server) change(ctx context.Context, c Change, do func(context.Context) error) error {
	select {
	case s.changes <- struct{}{}:
		defer func() { <-s.changes }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var dones []func(error)
	err := func() error {
		for _, h := range s.hooks {
			done, err := h(ctx, c)
			if err != nil {
				return fmt.Errorf("%w: %w", errRefused, err)
			}
			if done != nil {
				dones = append(dones, done)
			}
		}
		return do(ctx)
	}()
	for _, done := range dones {
		done(err)
	}
	log, args := s.log.Info, []any{"action", c.Action, "target", c.Target, "actor", c.Actor}
	if c.Reason != "" {
		args = append(args, "reason", c.Reason)
	}
	if err != nil {
		log, args = s.log.Warn, append(args, "error", err)
	}
	log("admin: change", args...)
	e := telemetry.Event{Time: time.Now(), Kind: kindChange, To: c.Action, Reason: c.Target + ", by " + c.Actor}
	if c.Reason != "" {
		e.Reason += ": " + c.Reason
	}
	if err != nil {
		e.To, e.Reason = c.Action+"_failed", e.Reason+": "+shorten(err.Error())
	}
	s.events.add(e)
	return err
}

// changed is the answer to a change.
type changed struct {
	Changed bool   `json:"changed"` // false: it was so already
	What    string `json:"what"`    // in a sentence
}

// asks makes the change that a request asks for, within changeTime.
func (r *request) asks(action, target string) (Change, *problem) {
	c := Change{Time: time.Now(), Actor: "token from " + peer(r.RemoteAddr()), Action: action, Target: target}
	if len(r.PostBody()) == 0 {
		return c, nil
	}
	var body struct {
		Reason string `json:"reason"`
	}
	if p := r.read(&body); p != nil {
		return c, p
	}
	if len(body.Reason) > reasonBytes {
		return c, &problem{400, "bad_parameter", fmt.Sprintf("the reason has more than %d bytes", reasonBytes), ""}
	}
	c.Reason = clean(body.Reason)
	return c, nil
}

// peer is where a client is, in words.
func peer(a net.Addr) string {
	if _, is := a.(*net.UnixAddr); is {
		return "the socket file"
	}
	return a.String()
}

// carryOut makes a change, and answers.
func (s *Server) carryOut(r *request, action, target string, do func(context.Context) (changed, error)) *problem {
	c, p := r.asks(action, target)
	if p != nil {
		return p
	}
	ctx, cancel := context.WithTimeout(s.life, changeTime)
	defer cancel()
	var out changed
	err := s.change(ctx, c, func(ctx context.Context) (err error) {
		out, err = do(ctx)
		return err
	})
	switch {
	case err == nil:
		return r.json(out)
	case errors.Is(err, upstream.ErrUnknown):
		return &problem{404, "unknown", shorten(err.Error()), "see /upstreams"}
	case errors.Is(err, upstream.ErrNoBreaker):
		return &problem{409, "no_breaker", shorten(err.Error()), ""}
	case errors.Is(err, errRefused):
		return &problem{500, "not_recorded", errRefused.Error(), "the log says more"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &problem{503, "busy", "it was not done within " + changeTime.String(), "look at /status, and ask again"}
	}
	return &problem{409, action + "_failed", clean(err.Error()), ""}
}

func (s *Server) postReload(r *request) *problem {
	if s.reloads == nil {
		return &problem{404, "no_reload", "this gateway cannot be reloaded from here", "send SIGHUP to the process"}
	}
	return s.carryOut(r, "reload", s.config, func(ctx context.Context) (changed, error) {
		if err := s.reloads(ctx); err != nil {
			return changed{}, err
		}
		return changed{true, fmt.Sprintf("generation %d is in force", s.Status().Generation)}, nil
	})
}

func (s *Server) postDrain(r *request) *problem   { return s.setDrained(r, true) }
func (s *Server) postUndrain(r *request) *problem { return s.setDrained(r, false) }

func (s *Server) setDrained(r *request, drained bool) *problem {
	pool, address := r.vars[0], r.vars[1]
	action, what := "undrain", "gets requests again"
	if drained {
		action, what = "drain", "gets no more requests, until it is taken back or the process ends"
	}
	return s.onGateway(func(g *gateway.Gateway) *problem {
		return s.carryOut(r, action, clean(pool+"/"+address), func(context.Context) (changed, error) {
			did, err := g.SetDrained(pool, address, drained)
			return changed{did, address + " of " + pool + " " + what}, err
		})
	})
}

func (s *Server) postReset(r *request) *problem {
	pool, address, target := r.vars[0], "", r.vars[0]
	if len(r.vars) > 1 {
		address = r.vars[1]
		target += "/" + address
	}
	return s.onGateway(func(g *gateway.Gateway) *problem {
		return s.carryOut(r, "reset_breaker", clean(target), func(context.Context) (changed, error) {
			did, err := g.ResetBreaker(pool, address)
			return changed{did, "the breaker of " + target + " is closed"}, err
		})
	})
}

// onGateway calls with the gateway, or says that there is none yet.
func (s *Server) onGateway(answer func(*gateway.Gateway) *problem) *problem {
	g := s.serving()
	if g == nil {
		return &problem{503, "starting", "the gateway does not serve yet", ""}
	}
	return answer(g)
}
