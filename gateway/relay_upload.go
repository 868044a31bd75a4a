package gateway

import (
	"errors"
	"os"
	"time"
)

// The request's direction of a relay.

// upload carries the request's body to the upstream. Its failure is the answer's business only if the client is to
// blame; an upstream that stops reading may still have an answer.
func (r *relay) upload() {
	defer close(r.uploaded)
	defer func() {
		if reason := recover(); reason != nil {
			r.g.relayPanicked(reason)
			r.uploadErr.Store(faultPanic)
			_ = r.up.CloseRead()
		}
	}()
	ex := r.ex
	timeout := ex.snap.Plan.Timeouts.Body
	in := r.fromClient
	var held []byte
	for {
		used, fault := ex.takeBody(in, relayBuffer)
		in = in[used:]
		if fault != nil {
			r.blameClient(fault)
			return
		}
		if r.upSide().write(ex.out[ex.sent:], timeout) != nil {
			r.fromClient = in
			r.expectHead() // it may have one, but not for ever
			return
		}
		ex.sent, ex.written, ex.whole = len(ex.out), true, false
		ex.forget()
		if ex.requestDone() {
			ex.wholeAt.Store(r.g.clock())
			r.fromClient = clone(in)
			putBuffer(held)
			r.expectHead()
			return
		}
		if len(in) > 0 {
			continue
		}
		putBuffer(held)
		r.fromClient = nil // all of it is used
		_ = r.client.SetReadDeadline(time.Now().Add(timeout))
		if r.stopping.Load() { // asked after the deadline was set: else it could outlast stopUpload's
			return
		}
		var err error
		if held, err = readSome(r.client, 0); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				r.blameClient(faultBodyTimeout)
			} else {
				r.clientLeft.Store(true)
				r.blameClient(faultClientGone)
			}
			return
		}
		in = held
		r.g.relayed.received.Add(uint64(len(in)))
	}
}

// blameClient ends the upload for a fault of the client's, and with it the wait for an answer.
func (r *relay) blameClient(fault *Fault) {
	r.uploadErr.Store(fault)
	_ = r.up.SetReadDeadline(time.Unix(1, 0))
}

// expectHead starts the clock for the answer's head: the request is now out.
func (r *relay) expectHead() {
	if r.headSeen.Load() {
		return
	}
	wait := r.ex.snap.Plan.Timeouts.ResponseHead
	if try := r.ex.pool.Retry.PerTryTimeout; try > 0 && try < wait {
		wait = try
		r.hasty.Store(true)
	}
	_ = r.up.SetReadDeadline(time.Now().Add(wait))
}

// stopUpload ends a request's direction that goes on after the answer is over.
func (r *relay) stopUpload() {
	if r.uploaded == nil {
		return
	}
	select {
	case <-r.uploaded:
	default:
		r.stopping.Store(true)
		_ = r.client.SetReadDeadline(time.Unix(1, 0))
		_ = r.up.Close()
		<-r.uploaded
		_ = r.client.SetReadDeadline(time.Time{})
	}
}
