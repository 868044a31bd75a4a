package probes

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"
)

// agent is the User-Agent of checks that name none.
const agent = "graygate-probe"

// client is fasthttp's client for one request at a time on a connection that is there already. It keeps its buffers.
type client struct {
	host     fasthttp.HostClient
	request  fasthttp.Request
	response fasthttp.Response
	wire     net.Conn // of the request under way
	body     []byte
}

var clients = sync.Pool{New: func() any {
	c := &client{}
	c.host = fasthttp.HostClient{
		Addr: "endpoint", // for form's sake: Dial knows where it is
		Dial: func(string) (net.Conn, error) {
			if c.wire == nil {
				return nil, errAgain
			}
			w := c.wire
			c.wire = nil
			return w, nil
		},
		MaxConns:                  1,
		MaxIdemponentCallAttempts: 1, // a check is one attempt
		ReadBufferSize:            MaxHeadBytes,
		DisablePathNormalizing:    true,
		NoDefaultUserAgentHeader:  true,
	}
	return c
}}

// askHTTP sends the request and looks at the answer: at its status, and at the beginning of its body if the check asks.
func askHTTP(w net.Conn, q *question) error {
	c := clients.Get().(*client)
	err := c.ask(w, q)
	c.wire = nil
	c.request.Reset()
	_ = c.response.CloseBodyStream()
	c.response.Reset()
	clients.Put(c)
	return err
}

func (c *client) ask(w net.Conn, q *question) error {
	h := q.check.HTTP
	c.wire = w
	c.request.SetRequestURI("http://endpoint" + h.Path)
	c.request.UseHostHeader = true
	c.request.Header.SetMethod(h.Method)
	c.request.Header.SetHost(q.host)
	c.request.Header.SetUserAgent(agent)
	for name, value := range h.Headers {
		c.request.Header.Set(name, value)
	}
	c.request.SetConnectionClose()
	c.response.StreamBody = h.Body != nil
	c.response.SkipBody = h.Body == nil
	if err := c.host.Do(&c.request, &c.response); err != nil {
		return answerError(err)
	}
	if status := c.response.StatusCode(); !expected(h.Status, status) {
		return &answeredError{"status " + strconv.Itoa(status) + ", want " + ranges(h.Status)}
	}
	if h.Body == nil {
		return nil
	}
	if err := c.read(); err != nil {
		return answerError(err)
	}
	if !h.Body.Match(c.body) {
		return errBody
	}
	return nil
}

// read reads the body, up to MaxBodyBytes.
func (c *client) read() error {
	c.body = c.body[:0]
	stream := c.response.BodyStream()
	if stream == nil {
		return nil // there is none: HEAD, 204
	}
	if cap(c.body) == 0 {
		c.body = make([]byte, 0, 4<<10)
	}
	for len(c.body) < MaxBodyBytes {
		if len(c.body) == cap(c.body) {
			c.body = append(make([]byte, 0, min(4*cap(c.body), MaxBodyBytes)), c.body...)
		}
		n, err := stream.Read(c.body[len(c.body):cap(c.body)])
		c.body = c.body[:len(c.body)+n]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ranges is "200-299, 304".
func ranges(want []StatusRange) string {
	var texts []string
	for _, r := range want {
		text := strconv.Itoa(r.From)
		if r.To != r.From {
			text += "-" + strconv.Itoa(r.To)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func expected(want []StatusRange, status int) bool {
	for _, r := range want {
		if r.From <= status && status <= r.To {
			return true
		}
	}
	return false
}
