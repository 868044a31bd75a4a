package http1

// Method is a request method that the gateway knows. Methods are case-sensitive (RFC 9110 section 9.1): get is MethodOther.
type Method uint8

// The methods. MethodOther is every other token.
const (
	MethodOther Method = iota
	GET
	HEAD
	POST
	PUT
	DELETE
	OPTIONS
	PATCH
	TRACE
	CONNECT
)

// Idempotent reports whether a request of this method may be sent again without asking (RFC 9110 section 9.2.2). MethodOther is not:
// what is not known must not be repeated.
func (m Method) Idempotent() bool {
	switch m {
	case GET, HEAD, PUT, DELETE, OPTIONS, TRACE:
		return true
	}
	return false
}

// String gives the method's name, or "OTHER".
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return methodNames[MethodOther]
}

var methodNames = [...]string{MethodOther: "OTHER", GET: "GET", HEAD: "HEAD", POST: "POST", PUT: "PUT", DELETE: "DELETE",
	OPTIONS: "OPTIONS", PATCH: "PATCH", TRACE: "TRACE", CONNECT: "CONNECT"}

// lookUpMethod gives the Method of a name. The compiler compares by length first.
func lookUpMethod(name []byte) Method {
	switch string(name) {
	case "GET":
		return GET
	case "POST":
		return POST
	case "HEAD":
		return HEAD
	case "PUT":
		return PUT
	case "DELETE":
		return DELETE
	case "OPTIONS":
		return OPTIONS
	case "PATCH":
		return PATCH
	case "TRACE":
		return TRACE
	case "CONNECT":
		return CONNECT
	}
	return MethodOther
}
