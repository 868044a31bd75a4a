// Package admin answers an operator's questions over HTTP, on an address of its own, and carries out what little may be
// changed while the gateway runs. What an answer looks like is in openapi.json, which is served too.
//
// Whoever may reach the address, and whatever they send, the data plane does not notice: heads, bodies, connections, answers
// at work and the time that they take are bounded, by limits.go.
package admin

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"graygate/gateway"
)

// Server is the admin server. Its methods may be called concurrently, but SetReload, SetUI and OnChange: they come before Listen.
type Server struct {
	log     *slog.Logger
	version string
	config  string
	began   time.Time
	http    *fasthttp.Server
	routes  []route
	events  *ring
	spent   allowance
	pace    pace
	heavy   chan struct{} // a place for each answer that is being made
	scrapes chan struct{} // a place for each page of metrics that is being written
	changes chan struct{} // one place: changes come one after the other
	profile chan struct{} // one place
	streams atomic.Int64
	slow    atomic.Uint64 // streams that were dropped because their client did not keep up
	denied  atomic.Uint64 // requests without a right token
	told    atomic.Int64  // when that was logged last, in nanoseconds since began
	stop    context.CancelFunc
	life    context.Context // over when Close begins
	tasks   sync.WaitGroup  // streams, and what feeds the ring
	conns   connections

	metrics atomic.Pointer[func(io.Writer)] // nil: none
	traffic atomic.Pointer[Traffic]         // never nil

	// Set once, before Listen.
	reloads func(context.Context) error
	hooks   []Hook
	assets  map[string]asset

	mu       sync.Mutex
	gateway  *gateway.Gateway
	feed     *gateway.Subscription
	reload   Reload
	ready    bool
	draining bool
	settings Settings
	socket   *socket
	gate     atomic.Pointer[gate] // what the settings let in
}

// New gives a server that does not listen yet. version and config, the path of the config file, are said in /status.
func New(log *slog.Logger, version, config string) *Server {
	s := &Server{
		log: log, version: version, config: config, began: time.Now(), reload: Reload{OK: true, At: time.Now()},
		events: newRing(), heavy: make(chan struct{}, heavyAnswers), scrapes: make(chan struct{}, maxScrapes), changes: make(chan struct{}, 1), profile: make(chan struct{}, 1),
		pace: pace{gap: requestGap, burst: requestBurst, most: mostWait},
	}
	s.life, s.stop = context.WithCancel(context.Background())
	s.SetTraffic(noTraffic{})
	s.gate.Store(&gate{over: make(chan struct{})})
	s.routes = s.table()
	s.http = &fasthttp.Server{
		Handler:                      s.handle,
		ErrorHandler:                 refuse,
		Name:                         "graygate",
		ReadTimeout:                  requestTime,
		WriteTimeout:                 answerTime,
		IdleTimeout:                  idleTime,
		MaxIdleWorkerDuration:        workerTime,
		ReadBufferSize:               headBytes,
		WriteBufferSize:              writeBytes,
		MaxRequestBodySize:           bodyBytes,
		Concurrency:                  maxConnections,
		DisablePreParseMultipartForm: true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		Logger:                       quiet{},
	}
	return s
}

// SetMetrics gives what writes the page of /metrics. Without it there is none.
func (s *Server) SetMetrics(write func(io.Writer)) { s.metrics.Store(&write) }

// SetTraffic gives what counts requests and assignments, for /ui/data and /experiments. Without it there are no numbers.
func (s *Server) SetTraffic(t Traffic) { s.traffic.Store(&t) }

// SetReload gives what puts the config file into force. Without it /reload answers that it cannot.
func (s *Server) SetReload(reload func(context.Context) error) { s.reloads = reload }

// SetUI gives the console's files; see [loadAssets] for what is taken of them.
func (s *Server) SetUI(files fs.FS) error {
	assets, err := loadAssets(files)
	s.assets = assets
	return err
}

// Listen moves the server to the settings' address, and takes over the rest of them: the token is read anew. The address that it
// has already is kept open; "" closes it. inherited may hold a socket for it. If the new settings cannot be had, the old
// ones stay and the error is returned.
func (s *Server) Listen(settings Settings, inherited net.Listener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := settings.gate(s.log)
	if err != nil {
		return err
	}
	if settings.Address == "" {
		s.leave()
	} else if s.socket == nil || settings.Address != s.settings.Address {
		opened, err := settings.listen(inherited, &s.conns)
		if err != nil {
			return err
		}
		s.leave()
		s.socket = opened
		go s.serve(opened)
	} else if err := s.socket.setMode(settings); err != nil {
		return err
	}
	same := settings.equal(&s.settings) && next.token == s.gate.Load().token
	s.settings = settings
	if !same {
		close(s.gate.Swap(next).over)
	}
	return nil
}

// serve answers on a socket until it is closed.
func (s *Server) serve(on *socket) {
	if err := s.http.Serve(on); err != nil {
		s.log.Debug("admin listener ended", "address", on.Addr().String(), "error", err)
	}
}

// leave closes the socket; those who are connected may finish.
func (s *Server) leave() {
	if s.socket != nil {
		_ = s.socket.Close()
		s.socket = nil
	}
}

// Socket is the socket that is listened on, nil if there is none.
func (s *Server) Socket() net.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket == nil {
		return nil
	}
	return s.socket.Listener
}

// HandOver tells that another process answers on the socket from now on: its file stays when this one closes.
func (s *Server) HandOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socket != nil {
		s.socket.owned = false
	}
}

// Close ends the server: who is connected is cut off. It returns when nothing of it runs any more.
func (s *Server) Close() {
	s.mu.Lock()
	s.stop() // under the lock, so that no task begins after it
	s.leave()
	s.settings = Settings{}
	feed := s.feed
	s.mu.Unlock()
	if feed != nil {
		feed.Close()
	}
	s.conns.cut()
	s.tasks.Wait()
}

// Serves tells whose state is shown.
func (s *Server) Serves(g *gateway.Gateway) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gateway, s.ready = g, true
	if s.socket != nil {
		s.socket.owned = true
	}
	if s.feed != nil {
		s.feed.Close()
	}
	if s.life.Err() != nil {
		return
	}
	if s.feed = g.Subscribe(eventRoom); s.feed != nil {
		from := s.feed.C
		s.tasks.Go(func() {
			for e := range from {
				s.events.add(e)
			}
		})
	}
}

// Draining makes /readyz say no, and why.
func (s *Server) Draining() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready, s.draining = false, true
}

// Reloaded notes what came of a reload; nil is success.
func (s *Server) Reloaded(err error) {
	s.mu.Lock()
	s.reload = Reload{Count: s.reload.Count + 1, OK: err == nil, At: time.Now()}
	if err != nil {
		s.reload.Error = err.Error()
	}
	s.mu.Unlock()
	s.events.reloaded(err)
}

// serving is the gateway, nil before there is one.
func (s *Server) serving() *gateway.Gateway {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gateway
}

// quiet is a logger for what fasthttp says of broken admin clients: nothing.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
