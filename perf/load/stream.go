// Package load is the traffic that wrk cannot make: idle connections by the thousand, slow readers and writers, a
// backend that streams, and clients that account for every single request while the proxy reloads.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// StreamBackend is a backend in this process that makes up long bodies as they are read, and swallows uploads. Its
// memory does not grow with their length.
//
//	GET /stream?bytes=N          a body of N bytes with a Content-Length
//	GET /stream?bytes=N&chunked  the same, chunked
//	POST /upload                 answers with the number of bytes received, or 400 if they are not the pattern
type StreamBackend struct {
	Address string // host:port
	server  *http.Server
	sent    atomic.Int64
}

// NewStreamBackend starts the backend on a free loopback port.
func NewStreamBackend() (*StreamBackend, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &StreamBackend{Address: ln.Addr().String()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stream", b.stream)
	mux.HandleFunc("POST /upload", upload)
	// What goes wrong shows at the clients; cut connections at the end of a run are no news.
	b.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = b.server.Serve(ln) }()
	return b, nil
}

// Close cuts all connections.
func (b *StreamBackend) Close() error { return b.server.Close() }

// Sent is how many bytes of bodies the kernel has taken from the backend so far.
func (b *StreamBackend) Sent() int64 { return b.sent.Load() }

func (b *StreamBackend) stream(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	left, err := strconv.ParseInt(query.Get("bytes"), 10, 64)
	if err != nil || left < 0 {
		http.Error(w, "bytes must be a number", http.StatusBadRequest)
		return
	}
	if query.Has("chunked") {
		w.Header().Set("Trailer", "X-Sent")
		defer w.Header().Set("X-Sent", strconv.FormatInt(left, 10))
	} else {
		w.Header().Set("Content-Length", strconv.FormatInt(left, 10))
	}
	w.WriteHeader(http.StatusOK)
	buf := make([]byte, 64<<10)
	for at := int64(0); at < left; {
		piece := buf[:min(int64(len(buf)), left-at)]
		fillPattern(piece, at)
		n, err := w.Write(piece)
		if err != nil {
			return
		}
		at += int64(n)
		b.sent.Add(int64(n))
	}
}

func upload(w http.ResponseWriter, req *http.Request) {
	n, err := checkPattern(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprint(w, n)
}

// patternPeriod is prime, so that no buffer's size is a multiple of it and a lost or doubled buffer shows.
const patternPeriod = 251

// fillPattern fills p with what stands at offset at of every body.
func fillPattern(p []byte, at int64) {
	next := int(at % patternPeriod)
	for i := range p {
		p[i] = byte(next)
		if next++; next == patternPeriod {
			next = 0
		}
	}
}

// samePattern is whether p is what stands at offset at.
func samePattern(p []byte, at int64) bool {
	next := int(at % patternPeriod)
	for _, b := range p {
		if b != byte(next) {
			return false
		}
		if next++; next == patternPeriod {
			next = 0
		}
	}
	return true
}

// checkPattern reads to the end and returns how many bytes there were.
func checkPattern(r io.Reader) (int64, error) {
	buf := make([]byte, 8<<10)
	at := int64(0)
	for {
		n, err := r.Read(buf)
		if !samePattern(buf[:n], at) {
			return at, fmt.Errorf("bytes %d to %d are not what was sent", at, at+int64(n))
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return at, nil
		} else if err != nil {
			return at, err
		}
	}
}

// dialer makes the connections of all clients. A refused or slow connect is a failure, and is never tried again.
var dialer = net.Dialer{Timeout: 10 * time.Second}

func dial(ctx context.Context, address string) (net.Conn, error) {
	return dialer.DialContext(ctx, "tcp4", address)
}
