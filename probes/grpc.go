package probes

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// askGRPC calls grpc.health.v1.Health/Check on a connection that is there already, TLS included.
func askGRPC(ctx context.Context, w *wire, q *question) error {
	var creds credentials.TransportCredentials = insecure.NewCredentials()
	if secure, is := w.Conn.(*tls.Conn); is {
		state := secure.ConnectionState()
		if state.NegotiatedProtocol != "h2" {
			return errNoHTTP2
		}
		creds = &handshaken{creds, state}
	}
	var dialled atomic.Bool
	conn, err := grpc.NewClient("passthrough:///endpoint",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if dialled.Swap(true) {
				return nil, errAgain
			}
			return w, nil
		}),
		grpc.WithTransportCredentials(creds),
		grpc.WithAuthority(q.host),
		grpc.WithUserAgent(agent),
		grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(), grpc.WithIdleTimeout(0),
		grpc.WithReadBufferSize(maxMessageBytes), grpc.WithWriteBufferSize(maxMessageBytes),
		grpc.WithMaxHeaderListSize(MaxHeadBytes),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
	)
	if err != nil {
		return err
	}
	defer func() {
		_ = w.Close() // first, else the client would wait to say goodbye to an endpoint that does not read
		_ = conn.Close()
	}()
	// Without the deadline, which the client would tell the endpoint: it would answer that it has passed just when it does.
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	request := &grpc_health_v1.HealthCheckRequest{Service: q.check.GRPC.Service}
	var head, trailer metadata.MD
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(call, request, grpc.Header(&head), grpc.Trailer(&trailer))
	if err != nil {
		return callError(err, len(head)+len(trailer) > 0, q.check.GRPC.Service)
	}
	if s := answer.GetStatus(); s != grpc_health_v1.HealthCheckResponse_SERVING {
		return &answeredError{service(q.check.GRPC.Service) + " is " + state(s)}
	}
	return nil
}

// callError says what a failed call means. What the endpoint wrote about it is not repeated: it may be anything.
// A status that came from the endpoint and not from the client is an answer, whatever its code.
func callError(err error, answered bool, name string) error {
	switch code := status.Code(err); {
	case answered && code == codes.NotFound:
		return &answeredError{service(name) + " is not known to the endpoint"}
	case answered && code == codes.Unimplemented:
		return errNoHealth
	case answered:
		return &answeredError{"gRPC status " + code.String()}
	}
	return errNoAnswer
}

// state names a state of the health service; an endpoint may send any number.
func state(s grpc_health_v1.HealthCheckResponse_ServingStatus) string {
	if name, is := grpc_health_v1.HealthCheckResponse_ServingStatus_name[int32(s)]; is {
		return name
	}
	return "in no state that there is"
}

// service names a service in a reason.
func service(name string) string {
	if name == "" {
		return "the server"
	}
	return "service " + strconv.Quote(name[:min(len(name), maxName)])
}

// handshaken are the credentials of a connection whose handshake is over: they make the call say https.
type handshaken struct {
	credentials.TransportCredentials // those of a plain connection
	state                            tls.ConnectionState
}

// ClientHandshake gives the connection as it is.
func (h *handshaken) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	common := credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}
	return conn, credentials.TLSInfo{State: h.state, CommonAuthInfo: common}, nil
}

// Info says that it is TLS.
func (h *handshaken) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone gives a copy.
func (h *handshaken) Clone() credentials.TransportCredentials {
	c := *h
	return &c
}
