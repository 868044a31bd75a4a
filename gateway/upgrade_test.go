package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"graygate/internal/testkit"
)

// frame is a WebSocket frame of one piece (RFC 6455 5.2). A client's are masked.
func frame(opcode byte, payload []byte, masked bool) []byte {
	b := []byte{0x80 | opcode}
	var mask byte
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	key := [4]byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, key[:]...)
	for i, c := range payload {
		b = append(b, c^key[i%4])
	}
	return b
}

// readFrame reads one frame, unmasked.
func readFrame(r io.Reader) (opcode byte, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(r, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil || n > 64<<20 {
		return 0, nil, fmt.Errorf("frame of %d bytes: %w", n, err)
	}
	var key [4]byte
	if head[1]&0x80 != 0 {
		if _, err = io.ReadFull(r, key[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, n)
	if _, err = io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return head[0] & 0x0f, payload, nil
}

const (
	wsKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	wsAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func upgradeRequest(fields ...string) string {
	return testkit.Get("/ws", append([]string{"Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + wsKey}, fields...)...)
}

// webSocket is a backend that accepts the handshake on /ws, after whose 101 it sends first at once, and echoes every frame. A close frame,
// or the end of the stream, is answered and ends it. ended gets what ended each.
func webSocket(t *testing.T, first string, ended chan<- error) *testkit.Backend {
	return testkit.Serve(t, webSocketOn(t, first, ended))
}

func webSocketOn(t *testing.T, first string, ended chan<- error) func(*testkit.Conn, *testkit.Request) {
	return func(c *testkit.Conn, r *testkit.Request) {
		if r.URL.Path != "/ws" {
			testkit.Echo("stable")(c, r)
			return
		}
		defer c.Close()
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
			t.Errorf("upstream: got Upgrade %q, Connection %q", r.Header.Get("Upgrade"), r.Header.Get("Connection"))
		}
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		c.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n" + first)
		for {
			opcode, payload, err := readFrame(c.R)
			if err != nil {
				ended <- err
				return
			}
			if _, err := c.Write(frame(opcode, payload, false)); err != nil {
				ended <- err
				return
			}
			if opcode == 8 {
				ended <- nil
				return
			}
		}
	}
}

func wantSwitched(t *testing.T, c *testkit.Client) {
	t.Helper()
	got, err := c.Head("GET")
	if err != nil || got.StatusCode != 101 || got.Header.Get("Upgrade") != "websocket" || !strings.EqualFold(got.Header.Get("Connection"), "upgrade") || got.Header.Get("Sec-WebSocket-Accept") != wsAccept {
		t.Fatalf("handshake: got %v, %v, want 101", got, err)
	}
}

// wantEchoes wants frames of all kinds of lengths back that it sends.
func wantEchoes(t *testing.T, c *testkit.Client) {
	t.Helper()
	for _, n := range []int{0, 1, 125, 126, 70_000, 3_000_000} {
		payload := pattern(n)
		sent := make(chan error, 1)
		go func() { sent <- c.TrySend(string(frame(2, payload, true))) }()
		wantFrame(t, c, 2, payload)
		if err := testkit.Receive(t, "the frame to be sent", sent); err != nil {
			t.Fatal(err)
		}
	}
}

func wantFrame(t *testing.T, c *testkit.Client, opcode byte, payload []byte) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(testkit.Patience))
	gotOpcode, got, err := readFrame(c.R)
	if err != nil || gotOpcode != opcode || !bytes.Equal(got, payload) {
		t.Fatalf("frame: got opcode %d, %d bytes, %v, want %d and the same %d bytes", gotOpcode, len(got), err, opcode, len(payload))
	}
}

func TestWebSocket(t *testing.T) {
	row := func(name string, early bool, first string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			log := testkit.NewAccessLog(t)
			p := testkit.Gateway(t, testkit.Config(testkit.Pool(webSocket(t, first, ended)), nil, log.YAML()))
			c := testkit.Dial(t, p.Addr)
			c.Do(testkit.Get("/before")).WantStatus(t, 200, "")
			handshake := upgradeRequest()
			if early {
				handshake += string(frame(1, []byte("early"), true))
			}
			c.Send(handshake)
			wantSwitched(t, c)
			if first != "" {
				wantFrame(t, c, 1, []byte("first"))
			}
			if early {
				wantFrame(t, c, 1, []byte("early"))
			}
			wantEchoes(t, c)
			c.Send(string(frame(8, []byte("\x03\xe8"), true)))
			wantFrame(t, c, 8, []byte("\x03\xe8"))
			c.WantClosed()
			_ = c.Close()
			if err := testkit.Receive(t, "the upstream's side to end", ended); err != nil {
				t.Errorf("upstream: %v", err)
			}
			testkit.Until(t, "the tunnel to be gone", func() bool { return p.Connections() == 0 })
			line := log.Wait(2)[1]
			wantLine(t, line, map[string]any{"status": 101, "error": nil, "cut": nil})
			if got := line["bytes_out"].(float64); got < 3_000_000 {
				t.Errorf("bytes_out: got %v, want what went through the tunnel", got)
			}
		})
	}
	row("plain", false, "")
	row("the client sends at once", true, "")
	row("the upstream sends with its 101", false, string(frame(1, []byte("first"), false)))
	row("both", true, string(frame(1, []byte("first"), false)))
}

// Each side may end its direction and go on in the other.
func TestTunnelHalfClose(t *testing.T) {
	b := testkit.Serve(t, func(c *testkit.Conn, r *testkit.Request) {
		defer c.Close()
		c.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: shout\r\nConnection: Upgrade\r\n\r\n")
		if r.URL.Path == "/client-first" {
			text, err := io.ReadAll(c.R)
			if err != nil {
				t.Errorf("upstream: %v", err)
			}
			c.Send(strings.ToUpper(string(text)))
			return
		}
		c.Send("HELLO")
		_ = c.CloseWrite()
		text, err := io.ReadAll(c.R)
		if string(text) != "goodbye" || err != nil {
			t.Errorf("upstream, behind its own end: got %q, %v, want goodbye", text, err)
		}
	})
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(b), nil, ""))
	dial := func(path string) *testkit.Client {
		c := testkit.Dial(t, p.Addr)
		c.Send(testkit.Get(path, "Connection: upgrade", "Upgrade: shout"))
		if got, err := c.Head("GET"); err != nil || got.StatusCode != 101 || got.Header.Get("Upgrade") != "shout" {
			t.Fatalf("handshake: got %v, %v", got, err)
		}
		return c
	}
	c := dial("/client-first")
	c.Send("hello ")
	c.Send("there")
	_ = c.CloseWrite()
	if got, err := c.ReadAll(); got != "HELLO THERE" || err != nil {
		t.Errorf("behind the client's end: got %q, %v, want HELLO THERE", got, err)
	}
	c = dial("/upstream-first")
	if got, err := c.ReadAll(); got != "HELLO" || err != nil {
		t.Errorf("the upstream's end: got %q, %v, want HELLO and an end in order", got, err)
	}
	c.Send("goodbye")
	_ = c.CloseWrite()
	testkit.Until(t, "the tunnels to be gone", func() bool { return p.Connections() == 0 })
}

// A refused upgrade is an answer like any other, and the end of the connection: what comes behind it might be the other protocol.
func TestRefusedUpgrade(t *testing.T) {
	p, b := plain(t, func(c *testkit.Conn, r *testkit.Request) { c.Send(testkit.Answer("403 Forbidden", "no")) }, "")
	c := testkit.Dial(t, p.Addr)
	c.Send(upgradeRequest() + string(frame(1, []byte("early"), true)) + testkit.Get("/smuggled"))
	if got := c.Read("GET"); got.StatusCode != 403 || got.Text != "no" || !got.Close {
		t.Errorf("got %d %q close=%v, want 403 no close=true", got.StatusCode, got.Text, got.Close)
	}
	c.WantClosed()
	if got := b.Received(); len(b.Seen()) != 1 || strings.Contains(got, "smuggled") || !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("upstream: got %q, want the one request", got)
	}
}

func TestBadUpgrades(t *testing.T) {
	row := func(name, request string, wantStatus int, wantCode, notUpstream string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			p, b := plain(t, testkit.OK("ok"), "")
			c := testkit.Dial(t, p.Addr)
			c.Do(request).WantStatus(t, wantStatus, wantCode)
			if wantStatus == 400 {
				c.WantClosed()
			}
			if got := strings.ToLower(b.Received()); notUpstream != "" && strings.Contains(got, notUpstream) || wantStatus == 400 && got != "" {
				t.Errorf("upstream: got %q", got)
			}
		})
	}
	row("no key", testkit.Get("/ws", "Connection: Upgrade", "Upgrade: websocket"), 400, "bad_upgrade", "")
	row("empty key", testkit.Get("/ws", "Connection: Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Key:"), 400, "bad_upgrade", "")
	row("h2c", testkit.Get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ"), 200, "", "h2c")
	row("h2c among others", testkit.Get("/", "Connection: Upgrade", "Upgrade: websocket, h2c", "Sec-WebSocket-Key: "+wsKey), 200, "", "upgrade")
	row("not named by Connection", testkit.Get("/", "Upgrade: websocket"), 200, "", "upgrade")
	row("in 1.0", "GET / HTTP/1.0\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200, "", "upgrade")
	row("with a body", testkit.Post("/", "body", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: "+wsKey), 200, "", "upgrade")
	row("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version_unsupported", "pri")
}

// A tunnel is silent for as long as timeouts.tunnel says, both ways; then it is cut.
func TestSilentTunnel(t *testing.T) {
	ended := make(chan error, 1)
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(webSocket(t, "", ended)), nil, "timeouts: {tunnel: 400ms, body: 100ms, idle: 100ms}\n"))
	c := testkit.Dial(t, p.Addr)
	c.Send(upgradeRequest())
	wantSwitched(t, c)
	for range 6 {
		pace(150 * time.Millisecond)
		c.Send(string(frame(1, []byte("x"), true)))
		wantFrame(t, c, 1, []byte("x"))
	}
	began := time.Now()
	c.WantClosed()
	if took := time.Since(began); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("a time-out of 400 ms: took %v", took)
	}
	if err := testkit.Receive(t, "the upstream's side to end", ended); err == nil {
		t.Errorf("the upstream's side: got an end by a frame")
	}
}

// Draining waits for a tunnel until its bound, and then cuts it.
func TestDrainCutsTunnels(t *testing.T) {
	ended := make(chan error, 1)
	p := testkit.Gateway(t, testkit.Config(testkit.Pool(webSocket(t, "", ended)), nil, ""))
	c := testkit.Dial(t, p.Addr)
	c.Send(upgradeRequest())
	wantSwitched(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	drained := make(chan struct{})
	go func() {
		p.Drain(ctx)
		close(drained)
	}()
	testkit.Until(t, "the listener to be closed", func() bool { return !accepts(p.Addr) })
	c.Send(string(frame(1, []byte("still there"), true)))
	wantFrame(t, c, 1, []byte("still there"))
	cancel() // the bound
	testkit.Receive(t, "the drain to end", drained)
	c.WantClosed()
	if err := testkit.Receive(t, "the upstream's side to end", ended); err == nil {
		t.Errorf("the upstream's side: got an end by a frame")
	}
}

// accepts reports whether somebody listens there.
func accepts(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}
