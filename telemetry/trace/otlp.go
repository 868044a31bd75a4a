package trace

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
)

// newExporter makes the SDK's exporter that the endpoint asks for. All options are given, so that no environment variable has a say.
func newExporter(c *Config, log *slog.Logger) (*exporter, error) {
	at, err := parseEndpoint(c.Endpoint)
	if err != nil {
		return nil, err
	}
	security, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	rejected := &rejections{}
	var to sdk.SpanExporter
	if at.grpc {
		options := []otlptracegrpc.Option{
			otlptracegrpc.WithEndpoint(at.host),
			otlptracegrpc.WithHeaders(c.Headers),
			otlptracegrpc.WithTimeout(c.Timeout),
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: c.Timeout}),
			otlptracegrpc.WithDialOption(grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(answerBytes)), grpc.WithUnaryInterceptor(rejected.intercept)),
		}
		if at.tls {
			options = append(options, otlptracegrpc.WithTLSCredentials(credentials.NewTLS(security)))
		} else {
			options = append(options, otlptracegrpc.WithInsecure())
		}
		to, err = otlptracegrpc.New(context.Background(), options...)
	} else {
		transport := &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: c.Timeout}).DialContext,
			TLSClientConfig:     security,
			TLSHandshakeTimeout: c.Timeout,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 1, // exports come one after another
			IdleConnTimeout:     time.Minute,
		}
		client := &http.Client{
			Transport: &watched{transport, rejected},
			Timeout:   c.Timeout,
			// The token in the headers is for whom the config names.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		options := []otlptracehttp.Option{
			otlptracehttp.WithEndpoint(at.host),
			otlptracehttp.WithURLPath(at.path),
			otlptracehttp.WithHeaders(c.Headers),
			otlptracehttp.WithTimeout(c.Timeout),
			otlptracehttp.WithCompression(otlptracehttp.NoCompression),
			otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: retryFirst, MaxInterval: retryMost, MaxElapsedTime: c.Timeout}),
			otlptracehttp.WithMaxResponseSize(answerBytes),
			otlptracehttp.WithTLSClientConfig(nil), // the client has it
			otlptracehttp.WithHTTPClient(client),
		}
		if !at.tls {
			options = append(options, otlptracehttp.WithInsecure())
		}
		var out *otlptrace.Exporter
		if out, err = otlptracehttp.New(context.Background(), options...); err == nil {
			to = &overHTTP{out, client}
		}
	}
	if err != nil {
		return nil, err
	}
	return wrap(to, rejected, c.pause, log), nil
}

// overHTTP ends the connections too, which the SDK's exporter leaves to their time-out.
type overHTTP struct {
	*otlptrace.Exporter
	client *http.Client
}

func (o *overHTTP) Shutdown(ctx context.Context) error {
	err := o.Exporter.Shutdown(ctx)
	o.client.CloseIdleConnections()
	return err
}

// intercept takes a partial success out of an answer over gRPC: the SDK's exporter makes an error of it, which does not tell how many
// spans it is about.
func (r *rejections) intercept(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	err := invoke(ctx, method, request, reply, conn, options...)
	if answer, is := reply.(*collector.ExportTraceServiceResponse); is && err == nil {
		r.partial(answer)
	}
	return err
}

func (r *rejections) partial(answer *collector.ExportTraceServiceResponse) {
	if p := answer.GetPartialSuccess(); p != nil {
		r.add(p.GetRejectedSpans(), p.GetErrorMessage())
		answer.PartialSuccess = nil
	}
}

// watched does the same over HTTP.
type watched struct {
	*http.Transport
	rejected *rejections
}

func (w *watched) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := w.Transport.RoundTrip(request)
	if err != nil || response.StatusCode/100 != 2 || response.Header.Get("Content-Type") != "application/x-protobuf" {
		return response, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytes+1))
	if err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	answer := &collector.ExportTraceServiceResponse{}
	if proto.Unmarshal(body, answer) == nil {
		w.rejected.partial(answer)
		if body, err = proto.Marshal(answer); err != nil {
			_ = response.Body.Close()
			return nil, err
		}
	} // else: the exporter says what is wrong with it
	response.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(body), response.Body}
	return response, nil
}
