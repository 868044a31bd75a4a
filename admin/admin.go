// Package admin answers an operator's questions over HTTP, on an address of its own. It reads; nothing that it
// offers changes the gateway.
package admin

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"graygate/gateway"
)

// Status is the answer of /status.
type Status struct {
	PID         int              `json:"pid"`
	Version     string           `json:"version"`
	Config      string           `json:"config"`     // the file
	Generation  uint64           `json:"generation"` // of the snapshot in force; 1 is that of the start
	UptimeS     float64          `json:"uptime_s"`
	Ready       bool             `json:"ready"`     // serving, and no audience is loading
	Audiences   []Audience       `json:"audiences"` // in the order of the config
	Reload      Reload           `json:"reload"`
	Connections int64            `json:"connections"`
	Refused     uint64           `json:"connections_refused"`
	LoopLagMS   float64          `json:"loop_lag_ms"`
	Requests    uint64           `json:"requests"`
	Counters    gateway.Counters `json:"counters"`
	Mallocs     uint64           `json:"mallocs"`          // objects allocated since the start
	HeapBytes   uint64           `json:"heap_alloc_bytes"` // live or not yet swept
	GCCycles    uint64           `json:"gc_cycles"`
}

// Audience is how an audience stands.
type Audience struct {
	Name        string    `json:"name"`
	Loaded      bool      `json:"loaded"` // false: nobody is in it yet, and the gateway is not ready
	Members     int       `json:"members"`
	Bytes       int       `json:"bytes"`
	Since       time.Time `json:"since,omitzero"`       // end of the last load that went well
	LastError   string    `json:"last_error,omitempty"` // why the last load failed
	Approximate bool      `json:"approximate"`
}

// Reload is what came of the reloads since the start.
type Reload struct {
	Count uint64    `json:"count"` // how many were asked for and are over
	OK    bool      `json:"ok"`    // the last one; true if there was none
	Error string    `json:"error,omitempty"`
	At    time.Time `json:"at"`
}

// Server is the admin server. Its methods may be called concurrently.
type Server struct {
	log     *slog.Logger
	version string
	config  string
	began   time.Time

	mu      sync.Mutex
	gateway *gateway.Gateway
	reload  Reload
	ready   bool
	address string
	socket  net.Listener
	http    *fasthttp.Server
}

// New gives a server that does not listen yet. version and config are said in /status.
func New(log *slog.Logger, version, config string) *Server {
	s := &Server{log: log, version: version, config: config, began: time.Now(), reload: Reload{OK: true, At: time.Now()}}
	s.http = &fasthttp.Server{
		Handler:            s.handle,
		Name:               "graygate",
		ReadTimeout:        requestTime,
		WriteTimeout:       requestTime,
		IdleTimeout:        idleTime,
		MaxRequestBodySize: bodyBytes,
		Concurrency:        connections,
		GetOnly:            true,
		Logger:             quiet{},
		CloseOnShutdown:    true,
	}
	return s
}

// Listen moves the server to an address; "" closes it; the one that it has already changes nothing. inherited may
// hold a socket for it. If the new address cannot be had, the old one is kept and the error returned.
func (s *Server) Listen(address string, inherited net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if address == s.address {
		return nil
	}
	var socket net.Listener
	if address != "" {
		socket = inherited
		if socket == nil {
			var err error
			if socket, err = net.Listen("tcp", address); err != nil {
				return err
			}
		}
	}
	if s.socket != nil {
		_ = s.socket.Close()
	}
	s.address, s.socket = address, socket
	if socket != nil {
		go func() {
			if err := s.http.Serve(socket); err != nil {
				s.log.Debug("admin listener ended", "address", address, "error", err)
			}
		}()
	}
	return nil
}

// Socket is the socket that is listened on, nil if there is none.
func (s *Server) Socket() net.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.socket
}

// Close ends the server.
func (s *Server) Close() {
	s.mu.Lock()
	socket := s.socket
	s.socket, s.address = nil, ""
	s.mu.Unlock()
	if socket != nil {
		_ = socket.Close()
	}
}

// Serves tells whose state is shown.
func (s *Server) Serves(g *gateway.Gateway) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gateway, s.ready = g, true
}

// Draining makes /readyz say no.
func (s *Server) Draining() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = false
}

// Reloaded notes what came of a reload; nil is success.
func (s *Server) Reloaded(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reload = Reload{Count: s.reload.Count + 1, OK: err == nil, At: time.Now()}
	if err != nil {
		s.reload.Error = err.Error()
	}
}

func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Set("Cache-Control", "no-store")
	switch string(ctx.Path()) {
	case "/healthz":
		ctx.SetContentType("text/plain; charset=utf-8")
		ctx.SetBodyString("ok\n")
	case "/readyz":
		ctx.SetContentType("text/plain; charset=utf-8")
		if st := s.Status(); !st.Ready {
			ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
			ctx.SetBodyString("not ready\n")
			for _, a := range st.Audiences {
				if !a.Loaded {
					fmt.Fprintf(ctx, "audience %s is loading\n", a.Name)
				}
			}
			return
		}
		ctx.SetBodyString("ready\n")
	case "/status":
		body, err := json.MarshalIndent(s.Status(), "", "  ")
		if err != nil {
			ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
			return
		}
		ctx.SetContentType("application/json")
		ctx.SetBody(append(body, '\n'))
	default:
		ctx.Error("not found: there are /healthz, /readyz and /status", fasthttp.StatusNotFound)
	}
}

// Status gathers what /status says.
func (s *Server) Status() Status {
	s.mu.Lock()
	g := s.gateway
	st := Status{
		PID: os.Getpid(), Version: s.version, Config: s.config,
		UptimeS: time.Since(s.began).Seconds(), Ready: s.ready, Reload: s.reload,
	}
	s.mu.Unlock()
	if g != nil {
		st.Generation = g.Snapshot().Generation
		for _, a := range g.Audiences() {
			st.Audiences = append(st.Audiences, Audience(a))
			st.Ready = st.Ready && a.Loaded
		}
		st.Connections = g.Connections()
		st.Refused = g.Refused()
		st.LoopLagMS = float64(g.LoopLag().Microseconds()) / 1e3
		st.Counters = g.Counters()
		st.Requests = st.Counters.Requests
	}
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	st.Mallocs, st.HeapBytes, st.GCCycles = samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()
	return st
}

// quiet is a logger for what fasthttp says of broken admin clients: nothing.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
