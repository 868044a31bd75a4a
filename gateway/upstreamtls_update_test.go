package gateway_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"graygate/internal/testkit"
)

// recordWriter writes TLS 1.3 records by hand, so that it can send what crypto/tls does not: KeyUpdate, records cut anywhere.
type recordWriter struct {
	to     io.Writer
	t      *testing.T
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

const applicationData, handshakeMessage, alertMessage = 23, 22, 21 // RFC 8446 5.1

// keyLog has the secrets of a backend's connections, with which a test takes over from crypto/tls.
type keyLog struct {
	mu   sync.Mutex
	text map[net.Conn]*bytes.Buffer
}

// byHand gives the TLS of a backend whose handlers write by hand what they like.
func byHand(a *testkit.Authority) (*testkit.Secure, *keyLog) {
	log := &keyLog{text: map[net.Conn]*bytes.Buffer{}}
	c := secureConfig(a, tls.VersionTLS13)
	c.SessionTicketsDisabled = true // a ticket would be a record that is not counted here
	c.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		log.mu.Lock()
		defer log.mu.Unlock()
		one := c.Clone()
		log.text[h.Conn] = &bytes.Buffer{} // written in the handshake only, which is over before a handler begins
		one.KeyLogWriter = log.text[h.Conn]
		return one, nil
	}
	return &testkit.Secure{Config: c}, log
}

// writer takes over a connection, on which nothing has been written since the handshake.
func (k *keyLog) writer(t *testing.T, c *testkit.Conn) *recordWriter {
	if suite := c.TLS.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Errorf("cipher suite: got %s, which this test cannot write", tls.CipherSuiteName(suite))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_, line, _ := strings.Cut(k.text[c.TCPConn].String(), "SERVER_TRAFFIC_SECRET_0 ")
	secret, err := hex.DecodeString(strings.Fields(line)[1])
	if err != nil {
		t.Errorf("key log: %v", err)
	}
	w := &recordWriter{to: c.TCPConn, t: t}
	w.use(secret)
	return w
}

func (w *recordWriter) expand(secret []byte, label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(info, byte(6+len(label))), "tls13 "+label...)
	out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
	if err != nil {
		w.t.Errorf("hkdf: %v", err)
	}
	return out
}

func (w *recordWriter) use(secret []byte) {
	block, err := aes.NewCipher(w.expand(secret, "key", 16))
	if err == nil {
		w.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		w.t.Errorf("cipher: %v", err)
	}
	w.secret, w.iv, w.seq = secret, w.expand(secret, "iv", 12), 0
}

func (w *recordWriter) record(kind byte, text string) []byte {
	nonce := append([]byte(nil), w.iv...)
	for i, b := range binary.BigEndian.AppendUint64(nil, w.seq) {
		nonce[4+i] ^= b
	}
	w.seq++
	head := []byte{applicationData, 3, 3}
	head = binary.BigEndian.AppendUint16(head, uint16(len(text)+1+w.aead.Overhead()))
	return w.aead.Seal(head, nonce, append([]byte(text), kind), head)
}

func (w *recordWriter) Send(text string) {
	for len(text) > 0 {
		n := min(len(text), 16<<10)
		_, _ = w.to.Write(w.record(applicationData, text[:n]))
		text = text[n:]
	}
}

// Update changes the keys, and asks for the same of the other side.
func (w *recordWriter) Update() {
	_, _ = w.to.Write(w.record(handshakeMessage, "\x18\x00\x00\x01\x01"))
	w.use(w.expand(w.secret, "traffic upd", 32))
}

// Keys change while a connection waits, answers, uploads, or is a tunnel: nothing is lost, and the connection goes on.
func TestTLSKeyUpdate(t *testing.T) {
	for name, wire := range map[string]func(net.Conn) net.Conn{"whole": nil, "byte by byte": testkit.ByteByByte} {
		t.Run(name, func(t *testing.T) {
			testkit.Leaks(t)
			a := testkit.NewAuthority(t)
			secure, log := byHand(a)
			writers := map[int]*recordWriter{} // by connection; there is one request at a time
			long := string(pattern(3 << 20))
			if wire != nil { // each byte wakes the gateway
				long = string(pattern(3000))
			}
			b := testkit.ServeSecure(t, secure, func(c *testkit.Conn, r *testkit.Request) {
				w := writers[c.N]
				if w == nil {
					w = log.writer(t, c)
					writers[c.N] = w
					if wire != nil {
						w.to = wire(c.TCPConn)
					}
				}
				w.Update()
				body, _ := io.ReadAll(r.Body)
				w.Update()
				answer := testkit.Answer("200 OK", long, "X-Body-Sum: "+testkit.Sum(body))
				half := len(answer) / 2
				w.Send(answer[:half])
				w.Update()
				w.Send(answer[half:])
				w.Update() // it is idle, or its return from the relay is on its way
			})
			p := testkit.Gateway(t, trusting(a, "", testkit.Config(testkit.Pool(b), nil, "")))
			c := testkit.Dial(t, p.Addr)
			for n := range 12 {
				body := pattern(n * n * n * 2000)
				got := c.Do(testkit.Post("/", string(body)))
				if got.StatusCode != 200 || got.Text != long || got.Header.Get("X-Body-Sum") != testkit.Sum(body) {
					t.Fatalf("request %d: got %d %q, %d bytes, want all of them and the body whole", n, got.StatusCode, got.Header, len(got.Text))
				}
			}
			// Where the beginning of a record has come with the end of an answer, the connection is not used again.
			if got := len(b.Conns()); got != 1 && wire == nil {
				t.Errorf("connections: got %d, want 1", got)
			}
		})
	}
}

// What is readable on an idle connection is looked at: a key change is no answer, all else is.
func TestTLSQuiet(t *testing.T) {
	row := func(name string, want bool, send func(w *recordWriter)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			testkit.Leaks(t)
			a := testkit.NewAuthority(t)
			secure, log := byHand(a)
			writers := make(chan *recordWriter, 1)
			b := testkit.ServeSecure(t, secure, func(c *testkit.Conn, r *testkit.Request) {
				w := log.writer(t, c)
				w.Send(testkit.Answer("200 OK", "ok"))
				writers <- w
			})
			p := testkit.Gateway(t, trusting(a, "", testkit.Config(testkit.Pool(b), nil, "")))
			testkit.Do(t, p.Addr, testkit.Get("/")).WantStatus(t, 200, "")
			w := testkit.Receive(t, "the writer", writers)
			if got := p.QuietWhen(func() { send(w) }); len(got) != 1 || got[0] != want {
				t.Errorf("idle connections that can be used: got %v, want [%v]", got, want)
			}
		})
	}
	row("key update", true, func(w *recordWriter) { w.Update() })
	row("five of them", true, func(w *recordWriter) {
		for range 5 {
			w.Update()
		}
	})
	row("an answer", false, func(w *recordWriter) { w.Send("HTTP/1.1 200 OK\r\n\r\n") })
	row("key update and an answer", false, func(w *recordWriter) {
		w.Update()
		w.Send("H")
	})
	row("half a record", false, func(w *recordWriter) { _, _ = w.to.Write(w.record(applicationData, "ok")[:10]) })
	row("close_notify", false, func(w *recordWriter) { _, _ = w.to.Write(w.record(alertMessage, "\x01\x00")) })
	row("no record", false, func(w *recordWriter) { _, _ = io.WriteString(w.to, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	row("its end", false, func(w *recordWriter) { _ = w.to.(*net.TCPConn).Close() })
}

// What is behind an answer is never the beginning of the next one.
func TestTLSExcess(t *testing.T) {
	testkit.Leaks(t)
	a := testkit.NewAuthority(t)
	for _, kind := range []string{"same record", "same segment"} {
		secure, log := byHand(a)
		b := testkit.ServeSecure(t, secure, func(c *testkit.Conn, r *testkit.Request) {
			w := log.writer(t, c)
			answer, forged := testkit.Answer("200 OK", "ok"), testkit.Answer("200 OK", "forged")
			if kind == "same record" {
				w.Send(answer + forged)
			} else {
				_, _ = w.to.Write(append(w.record(applicationData, answer), w.record(applicationData, forged)...))
			}
		})
		p := testkit.Gateway(t, trusting(a, "", testkit.Config(testkit.Pool(b), nil, "")))
		c := testkit.Dial(t, p.Addr)
		for n := range 3 {
			c.Do(testkit.Get(fmt.Sprintf("/%d", n))).WantStatus(t, 502, "upstream_excess")
		}
		if got := len(b.Conns()); got != 3 {
			t.Errorf("%s: connections: got %d, want 3, each used once", kind, got)
		}
	}
}
