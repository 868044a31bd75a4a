package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// telemetry checks how the gateway is watched.
func (c *checker) telemetry() {
	c.admin()
	c.accessLog(c.f.AccessLog.Value)
	if t := c.f.Tracing; t.Set && !t.Value.Off {
		c.tracing(t.At, t.Value)
	}
}

func (c *checker) admin() {
	a := c.f.Admin
	if !a.Set || a.Value.Off {
		return
	}
	address, mode := a.Value.Address, a.Value.Mode
	if !address.written() {
		c.fail(a.At, problem{What: "admin without address", Fix: "add address: 127.0.0.1:9901, or write admin: off"})
	}
	if mode.written() && address.Set && !strings.HasPrefix(address.Value, unixPrefix) {
		c.fail(mode.At, problem{What: "mode with an address that is no socket file", Why: "only files have permissions", Fix: "delete mode, or write address: unix:/run/graygate/admin.sock"})
	}
	c.token(a.Value.TokenFile)
}

// token makes sure that a file holds what can be sent as a bearer token. No message has any of it.
func (c *checker) token(f Field[string]) {
	text, ok := c.contents(f, "token_file", MaxTokenBytes+2)
	if !ok {
		return
	}
	token := bytes.TrimSpace(text)
	fix := "write a random one: openssl rand -hex 32 > " + f.Value
	switch {
	case len(token) < MinTokenBytes:
		c.fail(f.At, problem{
			What: fmt.Sprintf("token_file %s holds a token of %d bytes", quoted(f.Value), len(token)),
			Why:  fmt.Sprintf("a token of less than %d bytes can be guessed; space round it does not count", MinTokenBytes), Fix: fix,
		})
	case len(token) > MaxTokenBytes:
		c.fail(f.At, problem{What: fmt.Sprintf("token_file %s is larger than %s", quoted(f.Value), formatSize(MaxTokenBytes)), Fix: "is it the right file?"})
	case slices.ContainsFunc(token, func(b byte) bool { return b <= ' ' || b > '~' }):
		c.fail(f.At, problem{What: "token_file " + quoted(f.Value) + " holds more than one word of plain ASCII", Why: "a token is sent in a header field", Fix: fix})
	}
}

func (c *checker) accessLog(l FileAccessLog) {
	if !l.Fields.written() {
		return
	}
	if l.Format.Value == "combined" {
		c.fail(l.Fields.At, problem{What: "fields with format: combined", Why: "its lines have the same fields always", Fix: "write format: json, or delete fields"})
	}
	if len(l.Fields.Value) == 0 && !l.Fields.Bad {
		c.fail(l.Fields.At, problem{What: "fields are empty", Fix: "name some, delete the key for the usual ones, or write access_log: off"})
	}
	first := map[string]Pos{}
	for _, f := range l.Fields.Value {
		once(c.source, first, f.Value, f.At, "field "+f.Value)
	}
}

func (c *checker) tracing(at Pos, t FileTracing) {
	if !t.Endpoint.written() {
		c.fail(at, problem{What: "tracing without endpoint", Fix: "add endpoint: http://127.0.0.1:4318, or write tracing: off"})
	}
	if off := func(f Field[uint32]) bool { return f.Set && f.Value == 0 }; off(t.Sample) && off(t.Gray) && t.Errors.Set && !t.Errors.Value {
		c.fail(at, problem{What: "tracing that records nothing", Why: "sample, gray and errors are off", Fix: "switch one of them on, or write tracing: off"})
	}
	scheme, _, _ := strings.Cut(t.Endpoint.Value, "://")
	if t.CAFile.written() && (scheme == "http" || scheme == "grpc") {
		c.fail(t.CAFile.At, problem{What: "ca_file with an endpoint without TLS", Fix: "write " + scheme + "s://, or delete ca_file"})
	}
	c.certificates(t.CAFile, "ca_file")
	c.collectorHeaders(t.Headers)
}

// collectorHeaders checks fields that go with every export: names, values, and that they are nobody else's.
func (c *checker) collectorHeaders(f Field[[]FileHeader]) {
	if len(f.Value) > MaxHeaders {
		c.fail(f.At, problem{What: fmt.Sprintf("more than %d headers", MaxHeaders), Fix: "use fewer"})
		return
	}
	first := map[string]Pos{}
	for _, x := range f.Value {
		name := strings.ToLower(x.Name.Value)
		switch {
		case !isToken(name) || len(name) > MaxName:
			c.fail(x.Name.At, problem{What: quoted(x.Name.Value) + " cannot be the name of a header", Fix: fmt.Sprintf("use letters, digits and -, up to %d", MaxName)})
		case name == "host", name == "content-type", name == "user-agent", name == "accept-encoding", refusedHeaders[name] == framing, strings.HasPrefix(name, "grpc-"):
			c.fail(x.Name.At, problem{What: "an export cannot send a " + x.Name.Value + " of yours", Why: "the protocol sets it", Fix: "delete it"})
		default:
			once(c.source, first, name, x.Name.At, "header "+x.Name.Value)
		}
		switch v := x.Value; {
		case hasControl(v.Value) || strings.TrimSpace(v.Value) != v.Value || !isASCII(v.Value):
			c.fail(v.At, problem{What: "the value of " + x.Name.Value + " has characters that no header has, or space at an end", Fix: "delete them"})
		case len(v.Value) > MaxHeaderValue:
			c.fail(v.At, problem{What: fmt.Sprintf("the value of %s is longer than %s", x.Name.Value, formatSize(MaxHeaderValue)), Fix: "shorten it"})
		}
	}
}

// hideHeaders keeps the values of tracing.headers out of the lines that errors show: by their names nobody can tell which are
// tokens. Before anything else is said of the text.
func (s *source) hideHeaders(root ast.Node) {
	var entries []*ast.MappingValueNode
	switch n := bare(child(child(root, "tracing"), "headers")).(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	}
	for _, e := range entries {
		if value, ok := bare(e.Value).(ast.ScalarNode); ok {
			s.hide(place(value), value.GetToken().Value)
		}
	}
}

// hide puts stars in the place of a value, or of all that stands behind its beginning if it is written in another way.
func (s *source) hide(at Pos, value string) {
	if at.Line < 1 || at.Line > len(s.lines) {
		return
	}
	line, before := s.masked[at.Line]
	if !before {
		line = mask(s.lines[at.Line-1])
	}
	runes := []rune(line)
	from := min(at.Col-1, len(runes))
	if from < len(runes) && (runes[from] == '"' || runes[from] == '\'') {
		from++
	}
	to := from + len([]rune(value))
	if written := []rune(s.lines[at.Line-1]); to > len(written) || string(written[from:to]) != value {
		to = len(runes)
	}
	for i := from; i < to; i++ {
		runes[i] = '*'
	}
	s.masked[at.Line] = string(runes)
}
