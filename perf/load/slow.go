package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// stepsPerSecond is how often a slow client moves: at 10 kB/s, 1 kB each time.
	stepsPerSecond = 10
	// slowReceiveBuffer is a slow reader's socket buffer. It is small, so that the proxy feels the slowness at once and
	// not after the kernel has taken some megabytes for the client.
	slowReceiveBuffer = 32 << 10
	// stalledAfter is how long a slow client waits for the proxy before it calls that a failure.
	stalledAfter = 15 * time.Second
)

// Slow says what every client of a herd does. Half of the bodies have a Content-Length, half are chunked.
type Slow struct {
	Address        string // of the proxy
	Clients        int
	BytesPerSecond int
	Bytes          int64 // of one body
}

// Herd is a number of slow clients at work.
type Herd struct {
	moved  atomic.Int64
	alive  atomic.Int64
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	failures []error
}

// Readers starts clients that read a body each, slower than it is sent. They read until Stop, or the body's end.
func Readers(ctx context.Context, s Slow) *Herd { return herd(ctx, s, slowReader) }

// Writers starts clients that upload a body each, slowly, and check that all of it arrived.
func Writers(ctx context.Context, s Slow) *Herd { return herd(ctx, s, slowWriter) }

func herd(ctx context.Context, s Slow, client func(context.Context, *Herd, Slow, bool) error) *Herd {
	ctx, cancel := context.WithCancel(ctx)
	h := &Herd{cancel: cancel}
	h.alive.Store(int64(s.Clients))
	for i := range s.Clients {
		h.wg.Go(func() {
			defer h.alive.Add(-1)
			err := client(ctx, h, s, i%2 == 1)
			if err != nil && ctx.Err() == nil {
				h.mu.Lock()
				h.failures = append(h.failures, fmt.Errorf("slow client %d: %w", i, err))
				h.mu.Unlock()
			}
		})
	}
	return h
}

// Alive is how many clients are still at work.
func (h *Herd) Alive() int { return int(h.alive.Load()) }

// Moved is how many bytes of bodies all clients together have read or written.
func (h *Herd) Moved() int64 { return h.moved.Load() }

// Wait waits until every client is done by itself and returns what went wrong.
func (h *Herd) Wait() []error {
	h.wg.Wait()
	h.cancel()
	return h.failures
}

// Stop cuts the connections of those still at work and returns what went wrong before.
func (h *Herd) Stop() []error {
	h.cancel()
	return h.Wait()
}

func slowReader(ctx context.Context, h *Herd, s Slow, chunked bool) error {
	small := dialer
	small.Control = func(_, _ string, raw syscall.RawConn) error {
		var set error
		err := raw.Control(func(fd uintptr) {
			set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, slowReceiveBuffer)
		})
		return errors.Join(err, set)
	}
	conn, err := small.DialContext(ctx, "tcp4", s.Address)
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	form := ""
	if chunked {
		form = "&chunked"
	}
	if _, err := fmt.Fprintf(conn, "GET /stream?bytes=%d%s HTTP/1.1\r\nHost: %s\r\nX-Gray-Tag: gray\r\n\r\n", s.Bytes, form, s.Address); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %s", resp.Status)
	}
	tick := time.NewTicker(time.Second / stepsPerSecond)
	defer tick.Stop()
	buf := make([]byte, max(1, s.BytesPerSecond/stepsPerSecond))
	for at := int64(0); at < s.Bytes; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := conn.SetDeadline(time.Now().Add(stalledAfter)); err != nil {
			return err
		}
		n, err := io.ReadFull(resp.Body, buf[:min(int64(len(buf)), s.Bytes-at)])
		h.moved.Add(int64(n))
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", at+int64(n), s.Bytes, err)
		}
		if !samePattern(buf[:n], at) {
			return fmt.Errorf("bytes %d to %d are not what was sent", at, at+int64(n))
		}
		at += int64(n)
	}
	return nil
}

func slowWriter(ctx context.Context, h *Herd, s Slow, chunked bool) error {
	conn, err := dial(ctx, s.Address)
	if err != nil {
		return err
	}
	defer closeWith(ctx, conn)()
	framing := fmt.Sprintf("Content-Length: %d", s.Bytes)
	if chunked {
		framing = "Transfer-Encoding: chunked"
	}
	if _, err := fmt.Fprintf(conn, "POST /upload HTTP/1.1\r\nHost: %s\r\nX-Gray-Tag: gray\r\n%s\r\n\r\n", s.Address, framing); err != nil {
		return err
	}
	tick := time.NewTicker(time.Second / stepsPerSecond)
	defer tick.Stop()
	buf := make([]byte, max(1, s.BytesPerSecond/stepsPerSecond))
	for at := int64(0); at < s.Bytes; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		piece := buf[:min(int64(len(buf)), s.Bytes-at)]
		fillPattern(piece, at)
		at += int64(len(piece))
		out := piece
		if chunked {
			out = fmt.Appendf(nil, "%x\r\n%s\r\n", len(piece), piece)
			if at == s.Bytes {
				out = append(out, "0\r\n\r\n"...)
			}
		}
		if err := conn.SetDeadline(time.Now().Add(stalledAfter)); err != nil {
			return err
		}
		if _, err := conn.Write(out); err != nil {
			return fmt.Errorf("at byte %d of %d: %w", at, s.Bytes, err)
		}
		h.moved.Add(int64(len(piece)))
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("uploaded, but no answer: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if want := fmt.Sprint(s.Bytes); resp.StatusCode != http.StatusOK || string(body) != want {
		return fmt.Errorf("uploaded %s bytes, answer %s %.100q", want, resp.Status, body)
	}
	return nil
}

// closeWith closes the connection when ctx ends, which wakes whoever blocks on it, or when the returned function is
// called, whichever is first.
func closeWith(ctx context.Context, conn net.Conn) func() {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return func() {
		if stop() {
			_ = conn.Close()
		}
	}
}
