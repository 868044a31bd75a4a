package gateway

import (
	"graygate/gateway/http1"
)

// verdict is what answer found.
type verdict uint8

const (
	more    verdict = iota // what there was is used up; the answer is not over
	done                   // the answer is over
	tunnel                 // 101: what follows is not HTTP
	broken                 // the upstream's bytes are no answer; out is to be thrown away
	refused                // a final head whose status is to be retried was read, in resp; settled makes it an answer all the same
)

// answer turns bytes from the upstream into bytes for the client, appended to out. It returns how many bytes of in
// were used, so that the rest can be kept for the next call. resp is scratch.
//
// It is the same code on the loop and in the relay, and it writes nothing itself: as long as begun is false,
// everything can still become a 502.
func (ex *exchange) answer(resp *http1.Response, in, out []byte) (int, []byte, verdict, *Fault) {
	used := 0
	for ex.phase == awaitHead {
		n, err := ex.scan.Scan(in[used:], ex.g.headLimits(ex.snap))
		if err == nil && n > 0 {
			err = http1.ParseResponse(in[used:used+n], ex.method, resp, ex.g.headLimits(ex.snap))
		}
		if err != nil {
			return used, out, broken, upstreamFault(err)
		}
		if n == 0 {
			return used, out, more, nil
		}
		used += n
		ex.scan.Reset()
		if resp.Status >= 200 && ex.retriable(resp.Status) {
			return used, out, refused, nil
		}
		var fault *Fault
		before := len(out)
		if out, fault = ex.answerHead(resp, out); fault != nil {
			return used, out, broken, fault
		}
		ex.headOut += int64(len(out) - before)
	}
	if ex.phase == switched {
		return used, out, tunnel, nil
	}
	for !ex.answerBody.Done() {
		data, n, err := ex.answerBody.Next(in[used:])
		if err != nil {
			return used, out, broken, upstreamFault(err)
		}
		if n == 0 {
			return used, out, more, nil
		}
		used += n
		out = ex.frameAnswer(out, data)
	}
	if used < len(in) {
		return used, out, broken, faultUpstreamExcess
	}
	out = ex.endAnswer(out)
	return used, out, done, nil
}

// answerEOF tells the answer that the upstream's stream has ended. An answer that runs until the close is complete
// by it if that was in order (see [endedInOrder]); out then holds its last bytes. Any other is broken off.
func (ex *exchange) answerEOF(out []byte, inOrder bool) ([]byte, *Fault) {
	switch {
	case ex.phase == awaitHead:
		return out, faultUpstreamClosed
	case !inOrder, ex.answerBody.EOF() != nil:
		return out, faultUpstreamTruncated
	}
	ex.keepUp = false
	return ex.endAnswer(out), nil
}

// answerHead rewrites one head: an interim one, or the final one, for which it settles how the body is framed and
// which connections go on.
func (ex *exchange) answerHead(resp *http1.Response, out []byte) ([]byte, *Fault) {
	switch {
	case resp.Status == 101:
		if !ex.upgrade || len(resp.Upgrade) == 0 || !ex.requestDone() {
			return out, faultUpstreamSwitch
		}
		ex.phase, ex.status, ex.begun = switched, 101, true
		ex.headAt = ex.g.clock()
		ex.closeDown = true
		return appendSwitchHead(out, resp), nil
	case resp.Status < 200:
		if ex.interim++; ex.interim > maxInterim {
			return out, faultUpstreamInterim
		}
		if ex.minor == 0 {
			return out, nil // RFC 9110 15.2: never to a 1.0 client
		}
		return appendInterimHead(out, resp), nil
	}
	ex.phase, ex.status, ex.headAt = inBody, resp.Status, ex.g.clock()
	ex.answerBody.Reset(resp.Framing, resp.Length)
	if resp.Framing == http1.Chunked {
		omitNamed(&ex.answerBody, resp.Fields)
	}
	ex.keepUp = !resp.Close && resp.Framing != http1.UntilClose
	ex.answerFrame = resp.Framing
	switch resp.Framing {
	case http1.Chunked, http1.UntilClose:
		// To a 1.1 client an answer of unknown length goes out chunked, so that its end can be told from a broken
		// connection; to a 1.0 client only the close is left.
		ex.answerFrame = http1.Chunked
		if ex.minor == 0 {
			ex.answerFrame = http1.UntilClose
			ex.closeDown = true
		}
	}
	if !ex.requestDone() || ex.upgrade {
		// An answer before the request's end, or a refused upgrade: what the client sends next may be the rest of
		// that, and must not be taken for a request.
		ex.closeDown = true
	}
	if ex.g.draining.Load() || ex.listener.closed.Load() || ex.sendsAway() {
		ex.closeDown = true
	}
	return ex.appendAnswerHead(out, resp), nil
}

// beginAnswer is called before a part of an answer is passed on that does not end it.
func (ex *exchange) beginAnswer() {
	if !ex.begun && ex.phase != awaitHead {
		ex.begun = true
		ex.ticket.Answered(ex.served(ex.headAt), ex.headAt)
	}
}

// frameAnswer appends a piece of the body in the client's framing.
func (ex *exchange) frameAnswer(out, data []byte) []byte {
	if ex.answerFrame == http1.Chunked {
		return http1.AppendChunk(out, data)
	}
	return append(out, data...)
}

// endAnswer appends what ends the message in the client's framing.
func (ex *exchange) endAnswer(out []byte) []byte {
	if ex.answerFrame == http1.Chunked {
		out = http1.AppendLastChunk(out, ex.answerBody.Trailers())
	}
	ex.phase = answered
	if !ex.requestDone() {
		ex.keepUp = false
	}
	return out
}
