package rig

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// oneShot makes a new connection for every request, retries nothing, follows nothing, and knows no proxy settings.
var oneShot = &http.Client{
	Transport: &http.Transport{
		DisableKeepAlives:  true,
		DisableCompression: true,
		DialContext:        (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       10 * time.Second,
}

// Get asks for a path with a connection of its own; tag "" sends no tag. Anything but 200 is an error.
func Get(ctx context.Context, address, path, tag string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return "", err
	}
	if tag != "" {
		req.Header.Set("X-Gray-Tag", tag)
	}
	resp, err := oneShot.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("GET %s%s: %s: %.100s", address, path, resp.Status, body)
	}
	return string(body), nil
}

// CheckRouting asks twice, with and without the tag, and fails unless each answer comes from the right pool, whole.
func CheckRouting(ctx context.Context, address string) error {
	for _, row := range []struct{ tag, want string }{{"", "stable"}, {"gray", "gray"}} {
		body, err := Get(ctx, address, "/", row.tag)
		if err != nil {
			return err
		}
		if got := AnsweredBy(body); got != row.want {
			return fmt.Errorf("with X-Gray-Tag %q: answered by %q, want %q: %.120q", row.tag, got, row.want, body)
		}
	}
	return nil
}

// waitReady waits until a process answers on its address; it fails when the process ends, or takes too long.
func waitReady(ctx context.Context, p *Proc, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := Get(ctx, address, "/", "")
		if err == nil {
			return nil
		}
		if ended := p.Check(); ended != nil {
			return ended
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer on %s: %w; its last words:\n%s", p.Name, address, err, lastLines(p.Log(), 10))
		case <-tick.C:
		}
	}
}
