package probes_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"graygate/probes"
)

// serves starts a gRPC server with a health service; nil: without.
func serves(t *testing.T, service grpc_health_v1.HealthServer, options ...grpc.ServerOption) string {
	t.Helper()
	ln := listen(t)
	server := grpc.NewServer(options...)
	if service != nil {
		grpc_health_v1.RegisterHealthServer(server, service)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Stop()
		<-ended
	})
	return ln.Addr().String()
}

// odd answers as it is told.
type odd struct {
	grpc_health_v1.UnimplementedHealthServer
	check func(context.Context) (*grpc_health_v1.HealthCheckResponse, error)
}

func (o odd) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	return o.check(ctx)
}

func TestGRPC(t *testing.T) {
	well := health.NewServer()
	well.SetServingStatus("shop", grpc_health_v1.HealthCheckResponse_SERVING)
	well.SetServingStatus("cart", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	row := func(name, service string, server grpc_health_v1.HealthServer, timeout time.Duration, want string) {
		t.Run(name, func(t *testing.T) {
			address := serves(t, server)
			for range 2 {
				if got := asks(t, address, &probes.Check{GRPC: &probes.GRPC{Service: service}, Timeout: timeout}); got != want {
					t.Errorf("service %q\n got %q\nwant %q", service, got, want)
				}
			}
		})
	}
	answers := func(s grpc_health_v1.HealthCheckResponse_ServingStatus) odd {
		return odd{check: func(context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
			return &grpc_health_v1.HealthCheckResponse{Status: s}, nil
		}}
	}
	fails := func(code codes.Code) odd {
		return odd{check: func(context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
			return nil, status.Error(code, strings.Repeat("\n evil", 100))
		}}
	}
	hangs := odd{check: func(ctx context.Context) (*grpc_health_v1.HealthCheckResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	row("server", "", well, 0, "")
	row("service", "shop", well, 0, "")
	row("not serving", "cart", well, 0, `service "cart" is NOT_SERVING`)
	row("unknown service", "other", well, 0, `service "other" is not known to the endpoint`)
	row("state that there is not", "", answers(77), 0, "the server is in no state that there is")
	row("state unknown", "", answers(0), 0, "the server is UNKNOWN")
	row("no health service", "", nil, 0, "endpoint has no gRPC health service")
	row("failure", "", fails(codes.Internal), 0, "gRPC status Internal")
	row("its own deadline", "", fails(codes.DeadlineExceeded), time.Hour, "gRPC status DeadlineExceeded")
	row("unavailable", "", fails(codes.Unavailable), 0, "gRPC status Unavailable")
	row("hangs", "", hangs, 50*time.Millisecond, "timeout after 50ms")
}

func TestGRPCConnections(t *testing.T) {
	row := func(name string, f func(net.Conn), timeout time.Duration, want string) {
		t.Run(name, func(t *testing.T) {
			if got := asks(t, speaks(t, f), &probes.Check{GRPC: &probes.GRPC{}, Timeout: timeout}); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	const none = "connection ended without an answer to the gRPC call"
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	floods := func(piece string) func(net.Conn) {
		return func(conn net.Conn) {
			go func() { _, _ = io.Copy(io.Discard, conn) }()
			for _, err := io.WriteString(conn, settings); err == nil; _, err = io.WriteString(conn, strings.Repeat(piece, 1000)) {
			}
		}
	}
	row("closed", hangsUp, 0, none)
	row("silence", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, 50*time.Millisecond, "timeout after 50ms")
	row("settings, then silence", func(conn net.Conn) {
		_, _ = io.WriteString(conn, settings)
		_, _ = io.Copy(io.Discard, conn)
	}, 50*time.Millisecond, "timeout after 50ms")
	row("HTTP/1.1", func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n"); hangsUp(conn) }, 0, none)
	row("settings without end", floods(settings), 0, "answer is longer than 256 KiB")
	row("pings without end", floods("\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"), 0, "answer is longer than 256 KiB")
	if got, want := asks(t, refuses(t), &probes.Check{GRPC: &probes.GRPC{}}), "connection refused"; got != want {
		t.Errorf("nobody listens: got %q, want %q", got, want)
	}
}

func TestGRPCByTLS(t *testing.T) {
	a := newAuthority(t)
	address := serves(t, health.NewServer(), grpc.Creds(credentials.NewTLS(a.server(t, nil))))
	check := func(c *tls.Config) *probes.Check { return &probes.Check{GRPC: &probes.GRPC{}, TLS: c} }
	if got := asks(t, address, check(&tls.Config{RootCAs: a.pool})); got != "" {
		t.Errorf("got %q", got)
	}
	if got, want := asks(t, address, check(&tls.Config{RootCAs: newAuthority(t).pool})), "TLS: certificate is signed by an unknown authority"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	old := speaksOn(t, tls.NewListener(listen(t), a.server(t, nil)), func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	if got, want := asks(t, old, check(&tls.Config{RootCAs: a.pool})), "endpoint does not speak HTTP/2 by TLS"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := asks(t, address, check(nil)); got != "connection ended without an answer to the gRPC call" && got != "connection reset" {
		t.Errorf("plain to TLS: got %q", got)
	}
}
