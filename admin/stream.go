package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"time"
)

// follow streams events (Server-Sent Events, the HTML Living Standard, section 9.2): from the one after Last-Event-ID or ?since=
// on, or those that are kept. The connection is taken from fasthttp, whose deadline is for a whole answer.
func (s *Server) follow(r *request) *problem {
	from, p := r.startOfStream()
	if p != nil || r.IsHead() {
		r.SetContentType(typeEvents)
		return p
	}
	if s.streams.Load() >= maxStreams {
		return &problem{503, "too_many_streams", fmt.Sprintf("%d clients follow the events, and more may not", maxStreams), "poll /ui/data?since=ID"}
	}
	over := s.gate.Load().over
	r.HijackSetNoResponse(true)
	r.Hijack(func(c net.Conn) { // it is not called if the connection breaks before, so it is what counts
		if !s.begin() {
			return
		}
		defer s.tasks.Done()
		defer s.streams.Add(-1)
		if s.streams.Add(1) <= maxStreams {
			s.stream(c, from, over)
		}
	})
	return nil
}

// begin counts one more task for Close to wait for; false: the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return false
	}
	s.tasks.Add(1)
	return true
}

const typeEvents = "text/event-stream"

// startOfStream reads after which event the stream begins.
func (r *request) startOfStream() (uint64, *problem) {
	text := string(r.Request.Header.Peek("Last-Event-ID"))
	if text == "" {
		text = string(r.QueryArgs().Peek("since"))
	}
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, &problem{400, "bad_parameter", "the id of the last event is no number", ""}
	}
	return id, nil
}

// stream writes until the client goes, does not keep up, or the server or its settings end.
func (s *Server) stream(c net.Conn, id uint64, over <-chan struct{}) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for b := make([]byte, 256); ; { // a client has nothing to say here; what it sends is dropped
			if _, err := c.Read(b); err != nil {
				return
			}
		}
	}()
	defer func() {
		_ = c.SetReadDeadline(time.Unix(1, 0))
		<-gone
	}()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	out := []byte("HTTP/1.1 200 OK\r\nContent-Type: " + typeEvents + "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n" +
		"Connection: close\r\n\r\nretry: 2000\n\n")
	for {
		events, lost, more := s.events.since(id, eventBatch)
		if lost {
			out = append(out, "event: lost\ndata: {}\n\n"...)
		}
		for _, e := range events {
			id = e.ID
			out = appendEvent(out, e)
		}
		if len(out) > 0 {
			_ = c.SetWriteDeadline(time.Now().Add(streamTime))
			if _, err := c.Write(out); err != nil {
				if timeout, is := err.(net.Error); is && timeout.Timeout() {
					s.slow.Add(1)
				}
				return
			}
			out = out[:0]
		}
		if len(events) > 0 {
			continue // there may be more
		}
		select {
		case <-more:
		case <-beat.C:
			out = append(out, ": heartbeat\n\n"...)
		case <-gone:
			return
		case <-over:
			return
		case <-s.life.Done():
			return
		}
	}
}

// appendEvent writes one event.
func appendEvent(out []byte, e event) []byte {
	data, err := json.Marshal(e)
	if err != nil || bytes.ContainsAny(data, "\r\n") {
		panic("BUG: an event is not one line of JSON")
	}
	return fmt.Appendf(out, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Kind, data)
}
