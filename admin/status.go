package admin

import (
	"os"
	"runtime/metrics"
	"time"

	"graygate/gateway"
)

// Status is the answer of /status.
type Status struct {
	PID         int              `json:"pid"`
	Version     string           `json:"version"`
	Config      string           `json:"config"`     // the file
	Generation  uint64           `json:"generation"` // of the snapshot in force; 1 is that of the start
	UptimeS     float64          `json:"uptime_s"`
	Ready       bool             `json:"ready"`     // serving, not draining, and no audience is loading
	Draining    bool             `json:"draining"`  // it ends when the requests that it has are over
	Audiences   []Audience       `json:"audiences"` // in the order of the config
	Reload      Reload           `json:"reload"`
	Overload    string           `json:"overload"`              // the stage that the machine is in: off, strained or on
	OverloadBy  string           `json:"overload_by,omitempty"` // the bound that it is near or beyond
	Connections int64            `json:"connections"`
	Refused     uint64           `json:"connections_refused"`
	LoopLagMS   float64          `json:"loop_lag_ms"`
	Requests    uint64           `json:"requests"`
	Counters    gateway.Counters `json:"counters"`
	Events      uint64           `json:"events"` // of state, so far; the last one's id
	Streams     Streams          `json:"event_streams"`
	Denied      uint64           `json:"denied"`           // requests with a wrong token
	Mallocs     uint64           `json:"mallocs"`          // objects allocated since the start
	HeapBytes   uint64           `json:"heap_alloc_bytes"` // live or not yet swept
	GCCycles    uint64           `json:"gc_cycles"`
}

// Streams are those who follow the events.
type Streams struct {
	Open    int64  `json:"open"`
	Dropped uint64 `json:"dropped"` // because they did not keep up
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

// Status gathers what /status says.
func (s *Server) Status() Status {
	s.mu.Lock()
	g := s.gateway
	st := Status{
		PID: os.Getpid(), Version: s.version, Config: s.config,
		UptimeS: time.Since(s.began).Seconds(), Ready: s.ready, Draining: s.draining, Reload: s.reload, Overload: "off",
	}
	s.mu.Unlock()
	st.Events, st.Streams, st.Denied = s.events.newest(), Streams{s.streams.Load(), s.slow.Load()}, s.denied.Load()
	if g != nil {
		st.Generation = g.Snapshot().Generation
		for _, a := range g.Audiences() {
			st.Audiences = append(st.Audiences, Audience(a))
			st.Ready = st.Ready && a.Loaded
		}
		st.Overload, st.OverloadBy = g.Overload()
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
