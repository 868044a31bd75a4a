package http1

// Limits bounds one head. The zero value means the package defaults.
type Limits struct {
	// HeadBytes is the most bytes that a head may have, its final empty line and any skipped leading CRLFs included.
	// 0 or less: DefaultHeadBytes.
	HeadBytes int
	// Fields is the most field lines that a head may have. 0 or less: DefaultFields.
	Fields int
}

// headBytes is HeadBytes with the default filled in.
func (l Limits) headBytes() int {
	if l.HeadBytes <= 0 {
		return DefaultHeadBytes
	}
	return l.HeadBytes
}

// fields is Fields with the default filled in.
func (l Limits) fields() int {
	if l.Fields <= 0 {
		return DefaultFields
	}
	return l.Fields
}

// The limits of the package. All lengths are in bytes.
const (
	// DefaultHeadBytes is twice what the largest browsers' cookies need, and small enough to hold for each connection.
	DefaultHeadBytes = 32 << 10

	// DefaultFields is four times what a browser behind two proxies sends.
	DefaultFields = 128

	// maxLengthDigits: 2^63-1 has 19 digits. More, even if they are zeros, is nothing that a sender means.
	maxLengthDigits = 19

	// maxChunkDigits: a size of 16 hexadecimal digits fills 64 bits. More would have to wrap.
	maxChunkDigits = 16

	// maxExtensionBytes bounds the chunk extensions of one body together. They are thrown away, so without a bound a
	// peer could keep a connection busy for ever without sending a byte of content (as in CVE-2023-39326).
	maxExtensionBytes = 16 << 10

	// maxTrailerBytes and maxTrailerFields bound the trailer section, final empty line included. It must be copied, for it may
	// arrive in pieces; 8 KiB is more than any use of trailers (digests, gRPC status, timings) needs.
	maxTrailerBytes  = 8 << 10
	maxTrailerFields = 32

	// maxConnectionNames bounds the unknown field names that the Connection fields of one head may list. Each is compared with all
	// fields, so that the cost of a head would otherwise grow with the square of its length. Nobody names more than two or three.
	maxConnectionNames = 16
)
