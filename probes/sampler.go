package probes

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Sampler looks at this machine every [SampleInterval] and says whether it is strained or saturated, and which share of the requests
// is to be refused until it is not. How the share is found stands at shedder. All methods may be called concurrently.
type Sampler struct {
	state    atomic.Uint64 // a verdict; all that the loops read
	overload atomic.Pointer[Overload]
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu   sync.Mutex
	last readings
}

// SampleStatus is what the last sample found, and what follows.
type SampleStatus struct {
	CPU       float64 `json:"cpu"`       // share, from 0 to 1
	Memory    float64 `json:"memory"`    // share, from 0 to 1
	RunQueue  float64 `json:"run_queue"` // tasks per core
	Saturated string  `json:"saturated,omitempty"`
	Shed      float64 `json:"shed"` // share, from 0 to 1
}

// NewSampler starts looking. A nil logger is silent; what is logged is what cannot be read and therefore is not watched.
func NewSampler(o Overload, log *slog.Logger) *Sampler { return NewSamplerOf("/", o, log) }

// NewSamplerOf is NewSampler for the machine whose folders proc and sys are below root.
func NewSamplerOf(root string, o Overload, log *slog.Logger) *Sampler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m, err := openMachine(root)
	if err != nil {
		log.Warn("overload is watched in part only", "reason", err.Error())
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Sampler{stop: stop}
	s.Configure(o)
	s.done.Go(func() {
		defer m.close()
		s.run(ctx, m)
	})
	return s
}

// Configure sets other bounds. What is refused at the moment goes on from where it is. Without any bound nothing is refused.
func (s *Sampler) Configure(o Overload) { s.overload.Store(&o) }

func (s *Sampler) run(ctx context.Context, m *machine) {
	ticker := time.NewTicker(SampleInterval)
	defer ticker.Stop()
	var control shedder
	for {
		s.sample(m, &control, time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Sampler) sample(m *machine, control *shedder, now time.Time) {
	o := s.overload.Load()
	if *o == (Overload{}) {
		*control = shedder{}
		s.state.Store(0)
		return
	}
	r := m.read(now)
	share := control.take(o, r)
	s.state.Store(verdict(control, share))
	s.mu.Lock()
	s.last = r
	s.mu.Unlock()
}

// A verdict is a share in ppm, and above its 32 bits a byte for what is saturated and one for what is strained.
func verdict(c *shedder, share float64) uint64 {
	return uint64(c.strained)<<40 | uint64(c.saturated)<<32 | uint64(share*1e6)
}

// Saturated says whether the machine is saturated, and by what: "cpu", "memory", "run_queue". It is one atomic read.
func (s *Sampler) Saturated() (bool, string) { return said(s.state.Load() >> 32) }

// Strained says the same of the stage before, which lasts as long as the machine is saturated, and longer. It is one atomic read.
func (s *Sampler) Strained() (bool, string) { return said(s.state.Load() >> 40) }

func said(stage uint64) (bool, string) {
	by := Saturation(stage & 0xff)
	return by != Unsaturated, by.String()
}

// Shed is the share of requests to refuse now, ppm, at most [MaxShed]. It is one atomic read.
func (s *Sampler) Shed() uint32 { return uint32(s.state.Load()) }

// Status is what the last sample found.
func (s *Sampler) Status() SampleStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.state.Load()
	return SampleStatus{
		CPU: s.last.cpu, Memory: s.last.memory, RunQueue: s.last.queue,
		Saturated: Saturation(state >> 32 & 0xff).String(), Shed: float64(uint32(state)) / 1e6,
	}
}

// Close stops looking and returns when nothing runs any more; nothing is refused from then on. It may be called more than once.
func (s *Sampler) Close() {
	s.stop()
	s.done.Wait()
	s.state.Store(0)
}
