package admin

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// metricsPage answers with the metrics, which are written as they are made: a page of megabytes is never there as a whole.
func (s *Server) metricsPage(r *request) *problem {
	write := s.metrics.Load()
	if write == nil {
		return &problem{404, "no_metrics", "this gateway has no metrics", ""}
	}
	r.SetContentType("text/plain; version=0.0.4; charset=utf-8")
	r.Response.Header.Add("Vary", "Accept-Encoding")
	packed := !isLocal(r.LocalAddr()) && r.Request.Header.HasAcceptEncoding("gzip")
	if packed {
		r.Response.Header.SetContentEncoding("gzip")
	}
	if r.IsHead() {
		return nil
	}
	select {
	case s.scrapes <- struct{}{}:
	default:
		return &problem{503, "busy", "as many scrapes as may be are under way", "ask again"}
	}
	r.SetBodyStream(&page{s: s, write: *write, packed: packed}, -1)
	return nil
}

// page is the body of such an answer. It has one of the places of its server's scrapes, until it is closed. It is used by one goroutine.
type page struct {
	s      *Server
	write  func(io.Writer)
	packed bool // by gzip
	over   bool // the place is given back
}

// packers pack pages that go to another machine to a twentieth of their size, in three times the time that it takes to make them: a page of
// 28 MB is a quarter of a second on a wire of 1 Gbit/s. On this machine it would cost both sides more than it saves.
var packers = sync.Pool{New: func() any {
	packer, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return packer
}}

// WriteTo writes the page, each piece as it comes from what makes it: with a pipe between the two, and fasthttp reading it by 4 KiB,
// that took several times as long as to make the page. The time is paid from the allowance, but for what the client keeps waiting.
func (p *page) WriteTo(w io.Writer) (n int64, err error) {
	began := time.Since(p.s.began)
	out := &timedWriter{to: w}
	defer func() {
		p.s.spent.pay(began, time.Since(p.s.began)-began-out.waited)
		n, err = out.written, out.err
		if bug := recover(); bug != nil {
			p.s.log.Error("BUG: admin: metrics", "panic", fmt.Sprint(bug))
			err = errUnfinished
		}
	}()
	if !p.packed {
		p.write(out)
		return
	}
	packer := packers.Get().(*gzip.Writer)
	packer.Reset(out)
	p.write(packer)
	_ = packer.Close() // an error is the writer's, which out has kept
	packers.Put(packer)
	return
}

// errUnfinished ends the connection in the middle of a page, so that the client sees that it is not whole.
var errUnfinished = errors.New("the page of metrics could not be made")

// SupportsBodyWriteTo tells fasthttp that WriteTo may stand for Read.
func (p *page) SupportsBodyWriteTo() bool { return true }

// Read is never called, but a body has to have it.
func (p *page) Read([]byte) (int, error) {
	panic("BUG: the page of metrics is not read, it is written")
}

// Close gives the place back. fasthttp calls it when the answer is over, whatever became of it.
func (p *page) Close() error {
	if !p.over {
		p.over = true
		<-p.s.scrapes
	}
	return nil
}

// timedWriter measures how long writing takes, and keeps how it went.
type timedWriter struct {
	to      io.Writer
	waited  time.Duration
	written int64
	err     error
}

// Write writes on.
func (w *timedWriter) Write(p []byte) (int, error) {
	began := time.Now()
	n, err := w.to.Write(p)
	w.waited += time.Since(began)
	w.written += int64(n)
	if w.err == nil {
		w.err = err
	}
	return n, err
}
