package audience

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a real server of the test's own, on a socket file, with nothing stored on disk.
type redisServer struct {
	t       testing.TB
	args    []string
	socket  string
	process *exec.Cmd // nil: not running
	drained chan struct{}
}

// newRedis starts a server, with more arguments if any.
func newRedis(t testing.TB, args ...string) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server; apt-get install redis-server")
	}
	dir, err := os.MkdirTemp("", "redis") // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &redisServer{t: t, socket: filepath.Join(dir, "s")}
	r.args = append([]string{"--port", "0", "--unixsocket", r.socket, "--dir", dir, "--save", "", "--appendonly", "no", "--daemonize", "no"}, args...)
	t.Cleanup(r.kill)
	r.start()
	return r
}

func (r *redisServer) url() string { return "unix://" + r.socket }

// start returns when the server accepts connections.
func (r *redisServer) start() {
	r.t.Helper()
	r.process = exec.Command("redis-server", r.args...)
	out, err := r.process.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	r.process.Stderr = r.process.Stdout
	if err := r.process.Start(); err != nil {
		r.t.Fatal(err)
	}
	ready := make(chan string, 1)
	r.drained = make(chan struct{})
	go func() {
		defer close(r.drained)
		var said strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "eady to accept connections") {
				select {
				case ready <- "":
				default:
				}
			}
		}
		select {
		case ready <- said.String():
		default:
		}
	}()
	select {
	case said := <-ready:
		if said != "" {
			r.t.Fatalf("redis-server ended:\n%s", said)
		}
	case <-time.After(patience):
		r.t.Fatal("redis-server does not begin to serve")
	}
}

// kill ends the server as a crash does.
func (r *redisServer) kill() {
	if r.process != nil {
		_ = r.process.Process.Kill()
		<-r.drained
		_ = r.process.Wait()
		r.process = nil
	}
}

// do runs commands on the server, as a user if one is named in the URL.
func (r *redisServer) do(url string, commands ...[]any) {
	r.t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		r.t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	_, err = client.Pipelined(r.t.Context(), func(p redis.Pipeliner) error {
		for _, c := range commands {
			p.Do(context.Background(), c...)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// add adds members to a set.
func (r *redisServer) add(key string, members ...string) {
	r.t.Helper()
	command := []any{"SADD", key}
	for _, m := range members {
		command = append(command, m)
	}
	r.do(r.url(), command)
}

// certificate makes a key and a certificate of its own for 127.0.0.1: the paths of both, and what trusts it.
func certificate(t *testing.T) (certFile, keyFile string, trust *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile, trust = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(t, certFile, string(certPEM))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	trust.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, trust
}

// freePort finds a port of 127.0.0.1 that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}
