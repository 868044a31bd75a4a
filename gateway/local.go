package gateway

import (
	"strconv"
	"time"

	"graygate/gateway/http1"
)

const httpDateFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// dateNow is the value of a Date field, for answers made off the loops, which keep theirs (see httpDate).
func dateNow() []byte { return time.Now().UTC().AppendFormat(nil, httpDateFormat) }

// appendLocalAnswer writes an answer of the gateway's own: the fault's status, a line of text, and its code for
// machines in X-Graygate-Error.
func (ex *exchange) appendLocalAnswer(b []byte, fault *Fault, date []byte) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(fault.Status), 10)
	b = append(b, ' ')
	reason := reasonPhrase(fault.Status)
	b = append(b, reason...)
	b = append(b, "\r\nDate: "...)
	b = append(b, date...)
	b = append(b, "\r\nContent-Type: text/plain; charset=utf-8\r\nX-Graygate-Error: "...)
	b = append(b, fault.Code...)
	if fault.Status == 503 {
		b = append(b, "\r\nRetry-After: "+retryAfterSeconds...)
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
