package load

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Probe asks again and again, one request at a time on each connection, and keeps how long each took.
type Probe struct {
	Address     string
	Connections int
	Every       time.Duration                     // from one request to the next of a connection; one that took longer is followed at once
	Fields      func(connection, turn int) string // further field lines of a request, each with its CRLF
}

// Sample is one request.
type Sample struct {
	Begun time.Time
	Took  time.Duration
}

// ProbeRun is a probe at work.
type ProbeRun struct {
	stop chan struct{}
	wg   sync.WaitGroup
	mu   sync.Mutex
	all  []Sample
	err  error
}

// Start starts the probe. The caller must Stop it.
func (p Probe) Start(ctx context.Context) *ProbeRun {
	run := &ProbeRun{stop: make(chan struct{})}
	for i := range p.Connections {
		run.wg.Go(func() {
			samples, err := p.ask(ctx, i, run.stop)
			run.mu.Lock()
			defer run.mu.Unlock()
			run.all = append(run.all, samples...)
			if run.err == nil {
				run.err = err
			}
		})
	}
	return run
}

// Stop ends the probe and gives all samples, in no order. The error is the first of a connection: it asked no more then.
func (run *ProbeRun) Stop() ([]Sample, error) {
	close(run.stop)
	run.wg.Wait()
	return run.all, run.err
}

func (p Probe) ask(ctx context.Context, connection int, stop chan struct{}) ([]Sample, error) {
	c, err := connect(ctx, p.Address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var samples []Sample
	ticker := time.NewTicker(p.Every)
	defer ticker.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-stop:
			return samples, nil
		case <-ctx.Done():
			return samples, nil
		case <-ticker.C:
		}
		request := "GET / HTTP/1.1\r\nHost: " + c.host + "\r\n" + p.Fields(connection, turn) + "\r\n"
		begun := time.Now()
		got, err := c.do(request, steadyWithin)
		if err == nil && got.status != http.StatusOK {
			err = fmt.Errorf("answer %d: %.100q", got.status, got.body)
		}
		if err != nil {
			return samples, err
		}
		samples = append(samples, Sample{begun, time.Since(begun)})
	}
}
