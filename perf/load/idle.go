package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// idleDialers bounds the connects under way at once, well below any listen backlog.
const idleDialers = 64

// Idle is a number of keep-alive connections on which nothing happens.
type Idle struct{ clients []*client }

// OpenIdle opens n connections and makes one request on each. The first failure ends it.
func OpenIdle(ctx context.Context, address string, n int) (*Idle, error) {
	idle := &Idle{clients: make([]*client, n)}
	err := idle.each(ctx, func(i int) error {
		c, err := connect(ctx, address)
		if err != nil {
			return err
		}
		idle.clients[i] = c
		err = c.staysOpen()
		// A reader per connection would cost this process more than the connection.
		c.reader = nil
		return err
	})
	if err != nil {
		idle.Close()
		return nil, err
	}
	return idle, nil
}

// Len is the number of connections.
func (idle *Idle) Len() int { return len(idle.clients) }

// UseAgain makes another request on every connection.
func (idle *Idle) UseAgain(ctx context.Context) error {
	return idle.each(ctx, func(i int) error {
		c := idle.clients[i]
		return newClient(c.conn, c.host).staysOpen()
	})
}

// staysOpen makes a request whose answer must be 200 and leave the connection open.
func (c *client) staysOpen() error {
	got, err := c.get("", false, 10*time.Second)
	switch {
	case err != nil:
		return err
	case got.status != http.StatusOK:
		return fmt.Errorf("answer %d: %.100q", got.status, got.body)
	case got.ends:
		return errors.New("the answer announces that the connection ends")
	}
	return nil
}

// Close closes all connections.
func (idle *Idle) Close() {
	for _, c := range idle.clients {
		if c != nil {
			c.close()
		}
	}
}

// each does something with every index, some at a time, and returns the first error after all have ended.
func (idle *Idle) each(ctx context.Context, do func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(idleDialers, len(idle.clients)) {
		wg.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					cancel(fmt.Errorf("connection %d of %d: %w", i+1, len(idle.clients), err))
				}
			}
		})
	}
	for i := range idle.clients {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}
