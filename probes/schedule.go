package probes

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// schedule is a heap of the targets that wait, by the time they are due.
type schedule []*target

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i]; s[i].place, s[j].place = i, j }

// Push is for package heap.
func (s *schedule) Push(x any) {
	t := x.(*target)
	t.place = len(*s)
	*s = append(*s, t)
}

// Pop is for package heap.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	t := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	t.place = -1
	return t
}

// line is where the due targets of one pool wait until a check may begin.
type line struct {
	pool    string
	targets int // of the pool
	running int // checks under way, those of targets that are gone included
	waiting []*target
}

// lineOf gives the line of a pool, for one more target.
func (p *Prober) lineOf(pool string) *line {
	l := p.lines[pool]
	if l == nil {
		l = &line{pool: pool}
		p.lines[pool] = l
	}
	l.targets++
	return l
}

// prune gives up the lines that nobody needs any more.
func (p *Prober) prune() {
	for pool, l := range p.lines {
		if l.targets == 0 && l.running == 0 {
			p.waiting -= len(l.waiting) // they are gone
			delete(p.lines, pool)
		}
	}
}

// rouse has the scheduler look again.
func (p *Prober) rouse() {
	select {
	case p.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run puts targets in line when they are due, until the prober is closed.
func (p *Prober) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		p.mu.Lock()
		timer.Reset(p.queueDue(time.Now()))
		p.dispatch()
		p.mu.Unlock()
		select {
		case <-timer.C:
		case <-p.wake:
		case <-p.ctx.Done():
			return
		}
	}
}

// queueDue puts in line who is due, and gives the time until the next one is.
func (p *Prober) queueDue(now time.Time) time.Duration {
	for len(p.schedule) > 0 {
		t := p.schedule[0]
		if wait := t.due.Sub(now); wait > 0 {
			return wait
		}
		heap.Pop(&p.schedule)
		t.line.waiting = append(t.line.waiting, t)
		p.waiting++
	}
	return time.Hour
}

// dispatch begins checks as far as the bounds let it, one of each pool in turn.
func (p *Prober) dispatch() {
	for began := true; began && p.waiting > 0 && !p.closed; {
		began = false
		for _, l := range p.lines {
			if p.running >= p.most {
				return
			}
			if t := p.next(l); t != nil {
				began = true
				p.begin(t)
			}
		}
	}
}

// next takes the first of a line if its pool may have one more check, else nil.
func (p *Prober) next(l *line) *target {
	for len(l.waiting) > 0 && l.running < max(p.most/poolPart, 1) {
		t := l.waiting[0]
		p.waiting--
		l.waiting[0] = nil
		l.waiting = l.waiting[1:]
		if !t.gone {
			return t
		}
	}
	return nil
}

// begin starts a check.
func (p *Prober) begin(t *target) {
	ctx, cancel := context.WithTimeout(p.ctx, max(t.question.check.Timeout, MinTimeout))
	t.cancel = cancel
	t.line.running++
	p.running++
	question, began := t.question, time.Now()
	p.done.Go(func() {
		err := p.guard(ctx, question)
		cancel()
		p.conclude(t, err, began)
	})
}

// guard asks, and makes of a panic, which is a bug of ours or a library's, a check that was not made.
func (p *Prober) guard(ctx context.Context, q *question) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = &localError{fmt.Errorf("BUG: %v\n%s", panicked, debug.Stack())}
		}
	}()
	return p.ask(ctx, q)
}

// conclude takes in and reports what a check found, and has the target wait for its next.
func (p *Prober) conclude(t *target, err error, began time.Time) {
	now := time.Now()
	p.mu.Lock()
	valid := !t.gone && !p.closed && p.ctx.Err() == nil
	var local *localError
	if errors.As(err, &local) {
		valid = false
		if !p.shortness && !p.closed {
			p.log.Warn("an endpoint could not be checked; its health is taken to be what it was", "pool", t.pool, "endpoint", t.address, "reason", local.Error())
		}
		p.shortness = true
	}
	if valid {
		p.shortness = false
		result := t.take(err, now, now.Sub(began))
		report := t.report
		p.mu.Unlock()
		if report != nil {
			report(result)
		}
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	t.cancel = nil
	t.line.running--
	p.running--
	if t.gone {
		p.prune()
	} else {
		t.due = began.Add(t.interval())
		if soonest := now.Add(MinInterval); t.due.Before(soonest) {
			t.due = soonest
		}
		heap.Push(&p.schedule, t)
		if t.place == 0 {
			p.rouse()
		}
	}
	p.dispatch()
}

// take enters a check's outcome in the target's memory.
func (t *target) take(err error, now time.Time, took time.Duration) Result {
	c, failure := t.question.check, ""
	if err != nil {
		failure = reason(err, c.Timeout)
		t.failed++
	}
	r := t.health.step(failure, c.Rise, c.Fall)
	r.Took = took
	if r.Changed {
		t.since = now
	}
	t.checked, t.took = now, took
	t.checks++
	return r
}

// interval is the time from the start of one check to that of the next, jitter included.
func (t *target) interval() time.Duration {
	c := t.question.check
	d := c.Interval
	switch {
	case t.health.known && !t.health.healthy:
		d = c.Unhealthy
	case t.health.doubtful():
		d = min(c.Interval, c.Unhealthy)
	}
	if most := int64(float64(d) * float64(c.Jitter) / 1e6); most > 0 {
		d += time.Duration(rand.Int64N(2*most+1) - most)
	}
	return max(d, MinInterval)
}
