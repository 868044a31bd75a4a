package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"graygate/config"
	"graygate/gateway"
)

// Question is a request that is to be explained, as /explain takes it.
type Question struct {
	Method   string          `json:"method,omitempty"` // "" is GET
	URL      string          `json:"url"`              // or only its path
	Headers  []QuestionField `json:"headers,omitempty"`
	IP       string          `json:"ip,omitempty"` // the client's address; "" is 127.0.0.1
	At       time.Time       `json:"at,omitzero"`  // when the request comes; zero is now
	Bytecode bool            `json:"bytecode,omitempty"`
}

// QuestionField is a header field.
type QuestionField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Request makes the request that is asked about. The error says what is wrong with the question.
func (q *Question) Request(now time.Time) (config.ExplainRequest, error) {
	r := config.ExplainRequest{Method: q.Method, IP: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Time: q.At, Bytecode: q.Bytecode}
	if r.Method == "" {
		r.Method = "GET"
	}
	if strings.ContainsFunc(r.Method, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return r, fmt.Errorf("method %s is none", shown(q.Method))
	}
	if r.Time.IsZero() {
		r.Time = now
	}
	if q.IP != "" {
		ip, err := netip.ParseAddr(q.IP)
		if err != nil {
			return r, fmt.Errorf("ip %s is no address", shown(q.IP))
		}
		r.IP = ip.Unmap()
	}
	text := q.URL
	if !strings.HasPrefix(text, "/") && !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || q.URL == "" {
		return r, fmt.Errorf("url %s is none; write http://HOST/PATH, or /PATH", shown(q.URL))
	}
	r.Host, r.Path, r.Query = u.Host, u.EscapedPath(), u.RawQuery
	if r.Path == "" {
		r.Path = "/"
	}
	for _, h := range q.Headers {
		name, value := strings.TrimSpace(h.Name), strings.Trim(h.Value, " \t")
		if name == "" || strings.ContainsAny(name, ": \t\r\n\x00") || strings.ContainsAny(value, "\r\n\x00") {
			return r, fmt.Errorf("%s is no header field", shown(h.Name+": "+h.Value))
		}
		if strings.EqualFold(name, "Host") {
			r.Host = value
			continue
		}
		r.Headers = append(r.Headers, config.Header{Name: name, Value: value})
	}
	return r, nil
}

// explain answers what would become of a request.
func (s *Server) explain(r *request) *problem {
	return s.shows(func(_ *gateway.Gateway, snap *config.Snapshot) *problem {
		var q Question
		if p := r.read(&q); p != nil {
			return p
		}
		asked, err := q.Request(time.Now())
		if err != nil {
			return &problem{400, "bad_question", err.Error(), ""}
		}
		return r.json(snap.Explain(asked))
	})
}

// read reads a body of JSON, of which every name has to be known.
func (r *request) read(v any) *problem {
	if kind, _, err := mime.ParseMediaType(string(r.Request.Header.ContentType())); err != nil || kind != typeJSON {
		return &problem{415, "not_json", "the body is not said to be JSON", "send Content-Type: application/json"}
	}
	if len(bytes.TrimSpace(r.PostBody())) == 0 {
		return &problem{400, "bad_json", "the body is empty", "see /openapi.json for what it is to be"}
	}
	d := json.NewDecoder(bytes.NewReader(r.PostBody()))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return &problem{400, "bad_json", shorten(err.Error()), "see /openapi.json for what it is to be"}
	}
	if _, err := d.Token(); err != io.EOF {
		return &problem{400, "bad_json", "something follows the JSON value", ""}
	}
	return nil
}
