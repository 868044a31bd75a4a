package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"graygate/perf/rig"
)

// rssEvery is how often a process's memory is looked at: often enough for a peak that lasts.
const rssEvery = 100 * time.Millisecond

// rssSample is a process's memory at a time after the watch began.
type rssSample struct {
	AfterSeconds float64 `json:"after_seconds"`
	Bytes        int64   `json:"rss_bytes"`
}

// rssWatch samples a process's memory until it is stopped.
type rssWatch struct {
	samples []rssSample
	err     error
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

func watchRSS(ctx context.Context, p *rig.Proxy) *rssWatch {
	ctx, cancel := context.WithCancel(ctx)
	w := &rssWatch{cancel: cancel}
	begun := time.Now()
	w.wg.Go(func() {
		read, err := p.RSSReader()
		if err != nil {
			w.err = err
			return
		}
		for {
			rss, err := read()
			if err != nil {
				w.err = err
				return
			}
			w.samples = append(w.samples, rssSample{AfterSeconds: time.Since(begun).Seconds(), Bytes: rss})
			if pause(ctx, rssEvery) != nil {
				return
			}
		}
	})
	return w
}

// stop ends the watch. It returns the peak and all samples.
func (w *rssWatch) stop() (int64, []rssSample, error) {
	w.cancel()
	w.wg.Wait()
	var peak int64
	for _, sample := range w.samples {
		peak = max(peak, sample.Bytes)
	}
	return peak, w.samples, w.err
}

// settledRSS waits and gives the highest memory seen meanwhile.
func settledRSS(ctx context.Context, p *rig.Proxy, wait time.Duration) (int64, error) {
	w := watchRSS(ctx, p)
	err := pause(ctx, wait)
	peak, _, watchErr := w.stop()
	if err == nil {
		err = watchErr
	}
	return peak, err
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
