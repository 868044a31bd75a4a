package gateway

import (
	"errors"
	"io"
	"os"
	"time"

	"graygate/gateway/http1"
)

// The answer's direction of a relay.

// download carries the answer to the client.
func (r *relay) download() *Fault {
	ex := r.ex
	var resp http1.Response
	var scratch []byte
	out := r.toClient
	in, held, left := r.fromUp, []byte(nil), []byte(nil) // left: of a head that is not whole
	r.answering = len(in) > 0
	r.toClient, r.fromUp = nil, nil
	for {
		var (
			used  int
			what  = more
			fault *Fault
		)
		if ex.phase == inBody && ex.answerFrame == http1.ByLength && len(in) > 0 && len(out) == 0 {
			out, used, what, fault = ex.passThrough(in)
		} else if len(in) > 0 {
			used, out, what, fault = ex.answer(&resp, in, out)
		}
		switch {
		case what == broken:
			putBuffer(held)
			return fault
		case what == refused && r.another(badStatus, resp.Status, r.g.clock()):
			putBuffer(held)
			return faultAnother
		case what == refused:
			ex.settled = true
			continue // with the same bytes
		}
		if len(out) > 0 {
			ex.beginAnswer()
			if err := r.write(r.client, out); err != nil {
				putBuffer(held)
				return writeFault(err)
			}
			ex.bytesOut += int64(len(out))
			if ex.answerFrame != http1.ByLength && cap(out) <= 2*relayBuffer {
				scratch = out
			}
			out = scratch[:0]
		}
		switch what {
		case done:
			putBuffer(held)
			return nil
		case tunnel:
			r.fromUp = clone(in[used:])
			putBuffer(held)
			return nil
		}
		if used > 0 || len(left) == 0 { // else in is left already: a head that comes byte by byte is not copied for each
			left = append(left[:0], in[used:]...)
		}
		putBuffer(held)
		var timeout time.Duration // while the head is awaited, expectHead has set it
		if ex.phase == inBody {
			r.headSeen.Store(true)
			timeout = ex.snap.Plan.Timeouts.Body
		}
		var err error
		held, err = r.upSide().readSome(timeout)
		r.answering = r.answering || err == nil
		switch {
		case err == nil && len(left) == 0:
			in = held
		case err == nil:
			left = append(left, held...)
			in = left
		case errors.Is(err, io.EOF):
			return r.downloadEOF()
		case !errors.Is(err, os.ErrDeadlineExceeded) && ex.phase == awaitHead:
			return r.readFault(err, faultUpstreamClosed)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return r.readFault(err, faultUpstreamTruncated)
		case ex.phase == awaitHead && r.hasty.Load():
			return faultTryTimeout
		case ex.phase == awaitHead:
			return faultUpstreamTimeout
		default:
			return faultUpstreamStalled
		}
	}
}

// faultAnother is no fault: the answer at hand is not passed on, and another attempt has been begun.
var faultAnother = &Fault{}

// downloadEOF is the end of the upstream's stream: that of an answer that runs until it, or a broken one.
func (r *relay) downloadEOF() *Fault {
	out, fault := r.ex.answerEOF(nil, r.upSide().inOrder())
	if fault != nil {
		return fault
	}
	r.ex.begun = true
	r.ex.bytesOut += int64(len(out))
	if err := r.write(r.client, out); err != nil {
		return writeFault(err)
	}
	return nil
}

// passThrough is answer for the middle of a body of known length: the bytes go on as they are.
func (ex *exchange) passThrough(in []byte) (data []byte, used int, what verdict, fault *Fault) {
	data, used, _ = ex.answerBody.Next(in)
	switch {
	case used < len(in):
		return nil, used, broken, faultUpstreamExcess
	case ex.answerBody.Done():
		ex.endAnswer(nil)
		return data, used, done, nil
	}
	return data, used, more, nil
}

// writeFault is why an answer could not be written: the client stopped reading, or went.
func writeFault(err error) *Fault {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return faultSlowClient
	}
	return faultClientGone
}
