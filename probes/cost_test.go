package probes_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"graygate/probes"
)

// BenchmarkCheck is what one check costs with an endpoint in the same process, so the endpoint's part is in it.
func BenchmarkCheck(b *testing.B) {
	row := func(name, address string, c *probes.Check) {
		b.Run("case="+name, func(b *testing.B) {
			b.ReportAllocs()
			c.Timeout = time.Minute
			for b.Loop() {
				if failure := probes.CheckOnce(b.Context(), address, c); failure != "" {
					b.Fatal(failure)
				}
			}
		})
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "well") })
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(ln) }()
	defer server.Stop()

	h := &probes.HTTP{Method: "GET", Path: "/", Status: []probes.StatusRange{{From: 200, To: 399}}, Body: regexp.MustCompile("well")}
	row("tcp", plain.Listener.Addr().String(), &probes.Check{TCP: &probes.TCP{}})
	row("http", plain.Listener.Addr().String(), &probes.Check{HTTP: h})
	row("https", secure.Listener.Addr().String(), &probes.Check{HTTP: h, TLS: &tls.Config{InsecureSkipVerify: true}})
	row("grpc", ln.Addr().String(), &probes.Check{GRPC: &probes.GRPC{}})
}
