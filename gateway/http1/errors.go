package http1

// Error is one way in which a message can be wrong. All errors of this package are predeclared in this file and may be compared
// by pointer; they are immutable. A nil *Error is success: do not store it in a variable of type error.
type Error struct {
	// Status is the status code to answer with: 400, 414, 417, 431, 501 or 505 for what a client sent, 502 for what an upstream
	// sent. The connection must be closed after it: where the next message begins is not known.
	Status int
	// Code is a stable word in snake_case, the same in metric labels, log fields and X-Graygate-Error.
	Code string
	// Detail says to a person what was wrong. It never quotes input.
	Detail string

	upstream *Error
}

// Error gives code and detail.
func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// Upstream gives the predeclared error of the same Code for the response side, whose Status is 502. ParseResponse returns
// such errors by itself; Scanner and Body do not know which side they serve, so their callers use this.
func (e *Error) Upstream() *Error { return e.upstream }

// Errors lists every error that a client can cause, in no particular order, for callers that prepare a counter for each.
// Their Upstream errors and BadStatusLine are what an upstream can cause.
func Errors() []*Error { return append([]*Error(nil), clientErrors...) }

var clientErrors []*Error

// clientError declares an error together with its counterpart on the response side.
func clientError(status int, code, detail string) *Error {
	up := &Error{Status: 502, Code: code, Detail: detail}
	up.upstream = up
	e := &Error{Status: status, Code: code, Detail: detail, upstream: up}
	clientErrors = append(clientErrors, e)
	return e
}

// upstreamError declares an error that only a response can have.
func upstreamError(code, detail string) *Error {
	e := &Error{Status: 502, Code: code, Detail: detail}
	e.upstream = e
	return e
}

// Limits.
var (
	TooLong       = clientError(431, "head_too_long", "the head is longer than the limit")
	URITooLong    = clientError(414, "uri_too_long", "the first line is longer than the limit for the whole head")
	TooManyFields = clientError(431, "too_many_fields", "the head has more fields than the limit")
	TooManyNames  = clientError(400, "too_many_connection_names", "Connection lists more than 16 unknown field names")
)

// The bytes of a head (RFC 9112 section 2.2, 5; RFC 9110 section 5.5).
var (
	BareLF           = clientError(400, "bare_lf", "a line ends in LF without CR")
	BareCR           = clientError(400, "bare_cr", "a CR without LF after it")
	NULByte          = clientError(400, "nul_byte", "a NUL byte")
	BadFieldName     = clientError(400, "bad_field_name", "a field name is empty, has a byte that no token may have, or no colon follows it")
	SpaceBeforeColon = clientError(400, "space_before_colon", "white space between a field name and its colon")
	BadFieldValue    = clientError(400, "bad_field_value", "a control byte in a field value")
	ObsFold          = clientError(400, "obs_fold", "a field line begins with white space (line folding)")
	BadHead          = clientError(400, "bad_head", "the head does not end with its only empty line")
)

// The request line and Host (RFC 9112 section 3).
var (
	BadRequestLine     = clientError(400, "bad_request_line", "the first line is not: method SP target SP HTTP/1.x")
	BadTarget          = clientError(400, "bad_target", "the request target is not of origin, absolute or (OPTIONS) asterisk form, or has a forbidden byte or a broken percent escape")
	VersionUnsupported = clientError(505, "version_unsupported", "the major version of HTTP is not 1")
	ConnectUnsupported = clientError(501, "connect_unsupported", "CONNECT is not served here")
	MissingHost        = clientError(400, "missing_host", "an HTTP/1.1 request without Host")
	DuplicateHost      = clientError(400, "duplicate_host", "more than one Host")
	BadHost            = clientError(400, "bad_host", "Host or the target's authority is empty, or no valid name or address with an optional port of 1 to 65535")
	ExpectationFailed  = clientError(417, "expectation_failed", "Expect asks for something other than 100-continue")
)

// Framing (RFC 9112 section 6).
var (
	BadContentLength       = clientError(400, "bad_content_length", "Content-Length is not one decimal number below 2^63")
	DuplicateContentLength = clientError(400, "duplicate_content_length", "more than one Content-Length")
	LengthWithCoding       = clientError(400, "length_with_coding", "Content-Length together with Transfer-Encoding")
	BadTransferEncoding    = clientError(400, "bad_transfer_encoding", "Transfer-Encoding is not one list of codings that ends in its only chunked")
	CodingUnsupported      = clientError(501, "coding_unsupported", "Transfer-Encoding has a coding other than chunked")
	CodingInHTTP10         = clientError(400, "coding_in_http10", "Transfer-Encoding in HTTP/1.0")
)

// Bodies (RFC 9112 section 7). BareLF, BareCR and the errors of fields are also those of trailers.
var (
	BadChunkSize      = clientError(400, "bad_chunk", "a chunk size is not 1 to 16 hexadecimal digits below 2^63, with CRLF or ';' right after them")
	BadChunkExtension = clientError(400, "bad_chunk_extension", "a control byte in a chunk extension")
	ExtensionsTooLong = clientError(400, "chunk_extensions_too_long", "the chunk extensions of the body are longer than 16 KiB")
	BadChunkEnd       = clientError(400, "bad_chunk_end", "no CRLF right after the data of a chunk")
	TrailersTooLong   = clientError(400, "trailers_too_long", "the trailer section is longer than 8 KiB")
	TooManyTrailers   = clientError(400, "too_many_trailers", "the trailer section has more than 32 fields")
	Truncated         = clientError(400, "truncated_body", "the stream ended before the body did")
)

// BadStatusLine is the only error that requests cannot have (RFC 9112 section 4).
var BadStatusLine = upstreamError("bad_status_line", "the first line is not: HTTP/1.x SP status SP reason")
