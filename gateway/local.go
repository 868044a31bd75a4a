package gateway

import (
	"strconv"
	"strings"
	"time"

	"graygate/gateway/http1"
)

const httpDateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// dateNow is the value of a Date field, for answers made off the loops, which keep theirs (see httpDate).
func dateNow() []byte { return time.Now().UTC().AppendFormat(nil, httpDateFormat) }

// appendLocalAnswer writes an answer of the gateway's own: the fault's status, a line of text, and its code for
// machines in X-Graygate-Error.
func (ex *exchange) appendLocalAnswer(b []byte, fault *Fault, date []byte) []byte {
	start := len(b)
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(fault.Status), 10)
	b = append(b, ' ')
	reason := reasonPhrase(fault.Status)
	b = append(b, reason...)
	b = append(b, "\r\nDate: "...)
	b = append(b, date...)
	b = append(b, "\r\nContent-Type: text/plain; charset=utf-8\r\nX-Graygate-Error: "...)
	b = append(b, fault.Code...)
	switch {
	case ex.retryAfter > 0:
		b = append(b, "\r\nRetry-After: "...)
		b = strconv.AppendInt(b, int64(ex.retryAfter), 10)
	case fault.Status == 503:
		b = append(b, "\r\nRetry-After: "+retryAfterSeconds...)
	}
	if ex.limited != "" {
		b = ex.appendRateLimit(b)
	}
	b = append(b, "\r\nContent-Length: "...)
	// "404 Not Found: no route for this host and path\n"
	length := 3 + 1 + len(reason) + 2 + len(fault.Detail) + 1
	b = strconv.AppendInt(b, int64(length), 10)
	switch {
	case ex.closeDown:
		b = append(b, "\r\nConnection: close"...)
	case ex.minor == 0:
		b = append(b, "\r\nConnection: keep-alive"...)
	}
	b = append(b, "\r\n\r\n"...)
	ex.headOut = ex.bytesOut + int64(len(b)-start) // before it there can have been interim heads only
	if ex.method == http1.HEAD {
		return b
	}
	b = strconv.AppendInt(b, int64(fault.Status), 10)
	b = append(b, ' ')
	b = append(b, reason...)
	b = append(b, ": "...)
	b = append(b, fault.Detail...)
	return append(b, '\n')
}

// appendRateLimit writes what a client that has asked too often can go by: RateLimit-Policy and RateLimit as in the IETF's
// draft-ietf-httpapi-ratelimit-headers (version 10), which is to be the standard, and not one of the many things that are
// called X-RateLimit, of which no two agree on what Reset counts. Only a refusal has them: an answer of the upstream may tell
// of a limit of its own.
func (ex *exchange) appendRateLimit(b []byte) []byte {
	b = append(b, "\r\nRateLimit-Policy: "...)
	b = append(b, ex.limited...)
	name, _, _ := strings.Cut(ex.limited, ";")
	b = append(b, "\r\nRateLimit: "...)
	b = append(b, name...)
	b = append(b, ";r=0;t="...)
	return strconv.AppendInt(b, int64(ex.retryAfter), 10)
}

// reasonPhrase is the phrase of a status that the gateway itself answers with (RFC 9110 15).
func reasonPhrase(status int) string {
	switch status {
	case 400:
		return "Bad Request"
	case 404:
		return "Not Found"
	case 408:
		return "Request Timeout"
	case 413:
		return "Content Too Large"
	case 414:
		return "URI Too Long"
	case 417:
		return "Expectation Failed"
	case 429:
		return "Too Many Requests"
	case 431:
		return "Request Header Fields Too Large"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	case 505:
		return "HTTP Version Not Supported"
	}
	return "Error"
}
