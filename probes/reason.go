package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// What can be wrong with an endpoint's answer. Their texts are reasons.
var (
	errBody       = &answeredError{"body does not match"}
	errUnexpected = &answeredError{"answer is not what is expected"}
	errLongHead   = &answeredError{"head is longer than " + strconv.Itoa(MaxHeadBytes>>10) + " KiB"}
	errNoHealth   = &answeredError{"endpoint has no gRPC health service"}
	errTooMuch    = errors.New("answer is longer than " + strconv.Itoa(maxReadBytes>>10) + " KiB")
	errNotHTTP    = errors.New("answer is not valid HTTP/1.1")
	errNoHTTP2    = errors.New("endpoint does not speak HTTP/2 by TLS")
	errNoAnswer   = errors.New("connection ended without an answer to the gRPC call")
	errClosed     = errors.New("connection closed without an answer")
	errAgain      = errors.New("a check has one connection")
)

// answeredError is an answer that is not as it has to be. Its text is the reason; whatever else happened on the connection
// matters no more.
type answeredError struct{ text string }

func (e *answeredError) Error() string { return e.text }

// localError is a check that could not be made for a reason of this machine's or program's: it says nothing of the endpoint.
type localError struct{ cause error }

func (e *localError) Error() string { return e.cause.Error() }
func (e *localError) Unwrap() error { return e.cause }

// handshakeError is a TLS handshake that failed.
type handshakeError struct{ cause error }

func (e *handshakeError) Error() string { return e.cause.Error() }
func (e *handshakeError) Unwrap() error { return e.cause }

// ours are the system's errors that come from want on this machine. An endpoint does not become unhealthy by them,
// else a gateway that runs out of descriptors would find all of its endpoints dead at once.
var ours = []error{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS, syscall.ENOMEM}

// failed marks an error as ours if it is.
func failed(err error) error {
	for _, e := range ours {
		if errors.Is(err, e) {
			return &localError{err}
		}
	}
	return err
}

// system are the reasons for the system's errors that an endpoint causes.
var system = []struct {
	err    error
	reason string
}{
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.ECONNRESET, "connection reset"},
	{syscall.EPIPE, "connection reset"},
	{syscall.ECONNABORTED, "connection reset"},
	{syscall.EHOSTUNREACH, "no route to host"},
	{syscall.ENETUNREACH, "network is unreachable"},
	{syscall.EPERM, "connecting is not permitted"},
	{syscall.EACCES, "connecting is not permitted"},
}

// untimely says whether an error is a deadline that has passed.
func untimely(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// reason puts why a check failed in one line, bounded, and the same for the same failure: without ports, numbers of
// attempts, or bytes that the endpoint chose.
func reason(err error, timeout time.Duration) string {
	if untimely(err) {
		return "timeout after " + timeout.String()
	}
	for _, s := range system {
		if errors.Is(err, s.err) {
			return s.reason
		}
	}
	var notFound *net.DNSError
	var handshake *handshakeError
	var op *net.OpError
	switch {
	case errors.Is(err, errTooMuch):
		return errTooMuch.Error()
	case errors.As(err, &notFound):
		return "host cannot be resolved"
	case errors.As(err, &handshake):
		return "TLS: " + handshakeReason(handshake.cause)
	case errors.As(err, &op) && op.Op == "remote error": // TLS 1.3 refuses a client when its handshake is over
		return "TLS: " + handshakeReason(op)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errClosed.Error()
	}
	if op != nil {
		err = op.Err // without the addresses
	}
	return oneLine(err.Error())
}

func handshakeReason(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return "certificate is signed by an unknown authority"
	case errors.As(err, &name):
		return "certificate is not for " + strconv.Quote(name.Host[:min(len(name.Host), maxName)])
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate has expired or is not yet valid"
	case errors.As(err, &invalid):
		return "certificate is not valid"
	case errors.As(err, &record):
		return "endpoint does not speak TLS"
	case errors.As(err, &alert) && alert.Op == "remote error": // how crypto/tls marks an alert, with a text of its own
		return "refused by the endpoint: " + strings.TrimPrefix(alert.Err.Error(), "tls: ")
	case errors.Is(err, io.EOF):
		return "connection closed during the handshake"
	}
	return "handshake failed"
}

// answerError names what fasthttp found wrong. How reading from the connection failed, if it did, is known to the wire.
func answerError(err error) error {
	var small *fasthttp.ErrSmallBuffer
	switch {
	case errors.As(err, &small):
		return errLongHead
	case errors.Is(err, fasthttp.ErrConnectionClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errClosed
	}
	return errNotHTTP
}

// oneLine replaces what is not printable ASCII and cuts what is too long.
func oneLine(text string) string {
	line := []byte(text[:min(len(text), 2*maxName)])
	for i, c := range line {
		if c < ' ' || c > '~' {
			line[i] = '?'
		}
	}
	return string(line)
}
