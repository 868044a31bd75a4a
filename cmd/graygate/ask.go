package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/valyala/fasthttp"

	"graygate/admin"
	"graygate/config"
)

// adminFlags are the flags of the commands that ask a running gateway.
type adminFlags struct {
	Config    string `short:"c" xor:"where" required:"" placeholder:"FILE" help:"The config file, whose admin address is asked."`
	Admin     string `xor:"where" required:"" placeholder:"ADDRESS" help:"The admin address: HOST:PORT, or unix:PATH."`
	TokenFile string `placeholder:"FILE" help:"The file of the admin token, which is needed from other machines."`
}

const (
	askTime   = 5 * time.Second
	mostBytes = 64 << 20 // of an answer: the states of some 100,000 endpoints
)

// notWell is the exit status of a gateway that answers and has something to tell; 1 is that of one that cannot be asked.
const notWell exitStatus = 2

// asker asks the admin server of one gateway. For one goroutine.
type asker struct {
	address string
	token   string
	client  *fasthttp.HostClient
}

// asker finds out whom to ask.
func (f *adminFlags) asker() (*asker, error) {
	settings := admin.Settings{Address: f.Admin}
	if _, _, err := net.SplitHostPort(f.Admin); err != nil && f.Admin != "" && !strings.HasPrefix(f.Admin, "unix:") {
		return nil, fmt.Errorf("%q is no address; write IP:PORT, or unix:PATH for a socket file", f.Admin)
	}
	if f.Admin == "" {
		plan, err := config.Read(f.Config)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return nil, exitStatus(1)
		}
		if settings = adminSettings(plan); settings.Address == "" {
			return nil, fmt.Errorf("%s has no admin address; write admin: {address: 127.0.0.1:9901} and reload", f.Config)
		}
	}
	a := newAsker(settings)
	if f.TokenFile != "" {
		text, err := os.ReadFile(f.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("token file: %w", err)
		}
		a.token = strings.TrimSpace(string(text))
	}
	return a, nil
}

// newAsker asks the gateway that has these settings. That their token cannot be read is no error: over the loopback who reads needs
// none.
func newAsker(settings admin.Settings) *asker {
	a := &asker{address: settings.Address, client: newClient(settings.Address)}
	if settings.TokenFile != "" {
		if text, err := os.ReadFile(settings.TokenFile); err == nil {
			a.token = strings.TrimSpace(string(text))
		}
	}
	return a
}

// status asks for /status.
func (a *asker) status() (st admin.Status, err error) {
	err = a.into("/status", &st)
	return st, err
}

// newClient is a client of an admin address.
func newClient(address string) *fasthttp.HostClient {
	path, unix := strings.CutPrefix(address, "unix:")
	host, port, _ := net.SplitHostPort(address)
	switch host {
	case "", "0.0.0.0", "::": // it listens everywhere: here too
		host = "127.0.0.1"
	}
	c := &fasthttp.HostClient{
		Addr: net.JoinHostPort(host, port), MaxResponseBodySize: mostBytes, ReadTimeout: askTime, WriteTimeout: askTime, MaxConns: 1, MaxIdemponentCallAttempts: 2,
		Dial: func(address string) (net.Conn, error) { return net.DialTimeout("tcp", address, askTime) },
	}
	if unix {
		c.Addr = "localhost"
		c.Dial = func(string) (net.Conn, error) { return net.DialTimeout("unix", path, askTime) }
	}
	return c
}

// into asks for a path and reads the JSON of the answer. The error is for people.
func (a *asker) into(path string, v any) error {
	request, answer := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(answer)
	request.SetRequestURI("http://" + a.client.Addr + path)
	if a.token != "" {
		request.Header.Set(fasthttp.HeaderAuthorization, "Bearer "+a.token)
	}
	if err := a.client.DoTimeout(request, answer, askTime); err != nil {
		return fmt.Errorf("no gateway answers at the admin address %s: %w", a.address, err)
	}
	if code := answer.StatusCode(); code != fasthttp.StatusOK {
		var said struct{ Message, Fix string }
		if json.Unmarshal(answer.Body(), &said) != nil || said.Message == "" {
			return fmt.Errorf("%s%s answers with status %d", a.address, path, code)
		}
		if said.Fix != "" {
			said.Message += "; " + said.Fix
		}
		return errors.New(plainText(said.Message))
	}
	return json.Unmarshal(answer.Body(), v)
}

// raw asks for a path and prints the JSON as it comes.
func (a *asker) raw(path string) error {
	var v json.RawMessage
	if err := a.into(path, &v); err != nil {
		return err
	}
	_, err := fmt.Printf("%s\n", strings.TrimSpace(string(v)))
	return err
}

// plainText is a text without what a terminal would act on: some of it comes from upstream servers.
func plainText(text string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// poolData is what the commands show of a pool.
type poolData struct {
	Name      string
	Balance   string
	Panic     bool
	InFlight  int64          `json:"in_flight"`
	P95       float64        `json:"p95_ms"`
	Endpoints []endpointData // those that are not well first, where there are too many
	All       int            `json:"endpoints_total"` // in /ui/data
	Well      int
	Breaker   *struct{ State string }
}

type endpointData struct {
	Address, State, Reason string
	Weight                 int
	InFlight               int64   `json:"in_flight"`
	Latency                float64 `json:"latency_ms"`
}

// asked reports whether requests are sent to an endpoint in this state.
func (e *endpointData) asked() bool {
	return e.State == "healthy" || e.State == "unprobed" || e.State == "warming"
}
