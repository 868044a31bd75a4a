package http1

import "math"

// Body decodes one message body that arrives in pieces (RFC 9112 section 6, 7). The zero value is a body of no bytes, which is Done.
// It holds no content, only the trailer section while that comes in. After an error it gives the same error for ever.
type Body struct {
	state bodyState
	left  int64  // ByLength: bytes still missing; Chunked: bytes missing of this chunk, or its size while that is read
	size  int    // digits of the chunk size so far
	ext   int    // bytes of chunk extensions so far, in the whole body
	err   *Error // set once state is bodyFailed

	trailer trailer
}

// bodyState is where in the message the next byte belongs.
type bodyState uint8

const (
	bodyDone       bodyState = iota
	bodyLength               // content, left bytes of it
	bodyUntilClose           // content
	chunkSize                // a digit of the size, or what ends it
	chunkExtension           // behind the ';'
	chunkSizeLF              // the LF of the size line
	chunkData                // content, left bytes of it
	chunkDataCR              // the CR behind it
	chunkDataLF              // the LF behind that
	trailerStart             // the first byte behind the last chunk's line
	trailerEnd               // the LF of an empty trailer section
	trailerLines             // inside a trailer section that is not empty
	bodyFailed
)

// Reset makes b ready for a body. length is the number of bytes for ByLength and is ignored for the others.
func (b *Body) Reset(f Framing, length int64) {
	b.state, b.left, b.size, b.ext, b.err = bodyDone, 0, 0, 0, nil
	b.trailer.reset()
	switch f {
	case ByLength:
		if length > 0 {
			b.state, b.left = bodyLength, length
		}
	case Chunked:
		b.state = chunkSize
	case UntilClose:
		b.state = bodyUntilClose
	}
}

// Next decodes the start of in. It returns the next piece of content, a view into in that may be empty, and how many bytes of in
// are thereby used; framing bytes are used up silently. Call it with the rest of the input until it uses nothing or Done
// reports true. It never uses a byte behind the end of the message. With an error, n counts the bytes before the wrong one.
// The errors have Status 400; for a response use their Upstream.
func (b *Body) Next(in []byte) (data []byte, n int, err *Error) {
	switch b.state {
	case bodyDone:
		return nil, 0, nil
	case bodyUntilClose:
		return in, len(in), nil
	case bodyLength:
		data = b.content(in)
		if b.left == 0 {
			b.state = bodyDone
		}
		return data, len(data), nil
	case bodyFailed:
		return nil, 0, b.err
	}
	for n < len(in) && b.state != bodyDone {
		switch b.state {
		case chunkData:
			data = b.content(in[n:])
			if b.left == 0 {
				b.state = chunkDataCR
			}
			return data, n + len(data), nil
		case trailerLines:
			used, done, err := b.trailer.take(in[n:])
			n += used
			if err != nil {
				return nil, n, b.fail(err)
			}
			if done {
				b.state = bodyDone
			}
			return nil, n, nil
		}
		if err := b.frame(in[n]); err != nil {
			return nil, n, b.fail(err)
		}
		if b.state != trailerLines {
			n++
		}
	}
	return nil, n, nil
}

// content cuts what is left of the content off in.
func (b *Body) content(in []byte) []byte {
	if int64(len(in)) > b.left {
		in = in[:b.left]
	}
	b.left -= int64(len(in))
	return in
}

func (b *Body) fail(err *Error) *Error {
	b.state, b.err = bodyFailed, err
	return err
}

// frame takes one byte of framing. It goes byte by byte because a line of framing has three to six bytes. The byte that
// begins a trailer line is not taken, only recognised.
func (b *Body) frame(c byte) *Error {
	switch b.state {
	case chunkSize:
		return b.sizeByte(c)
	case chunkExtension:
		switch {
		case c == '\r':
			b.state = chunkSizeLF
		case c == '\n':
			return BareLF
		case c < 0x20 || c == 0x7f:
			return BadChunkExtension
		default:
			return b.countExtension()
		}
	case chunkSizeLF:
		switch {
		case c != '\n':
			return BareCR
		case b.left == 0:
			b.state = trailerStart
		default:
			b.state = chunkData
		}
	case chunkDataCR:
		if c != '\r' {
			return BadChunkEnd
		}
		b.state = chunkDataLF
	case chunkDataLF:
		if c != '\n' {
			return BadChunkEnd
		}
		b.state, b.left, b.size = chunkSize, 0, 0
	case trailerStart:
		if c == '\r' {
			b.state = trailerEnd
		} else {
			b.state = trailerLines
		}
	case trailerEnd:
		if c != '\n' {
			return BareCR
		}
		b.state = bodyDone
	}
	return nil
}

// sizeByte takes a byte of a chunk size, or the one that ends it.
func (b *Body) sizeByte(c byte) *Error {
	if v := hexValue[c]; v != notHex {
		if b.size == maxChunkDigits || b.left > math.MaxInt64>>4 {
			return BadChunkSize
		}
		b.size++
		b.left = b.left<<4 | int64(v)
		return nil
	}
	switch {
	case b.size == 0:
		return BadChunkSize
	case c == '\r':
		b.state = chunkSizeLF
	case c == ';':
		b.state = chunkExtension
		return b.countExtension()
	case c == '\n':
		return BareLF
	default:
		return BadChunkSize
	}
	return nil
}

func (b *Body) countExtension() *Error {
	if b.ext++; b.ext > maxExtensionBytes {
		return ExtensionsTooLong
	}
	return nil
}

// Done reports whether the whole message has been read. A body that failed never is.
func (b *Body) Done() bool { return b.state == bodyDone }

// EOF tells b that the peer ended the stream. It returns nil if that completes the message (UntilClose) or it was complete before;
// else Truncated, or the error that the body already had.
func (b *Body) EOF() *Error {
	switch b.state {
	case bodyDone, bodyUntilClose:
		b.state = bodyDone
		return nil
	case bodyFailed:
		return b.err
	}
	return b.fail(Truncated)
}

// Remaining gives the bytes still missing of a body ByLength, -1 for any other.
func (b *Body) Remaining() int64 {
	if b.state == bodyLength {
		return b.left
	}
	return -1
}

// Trailers gives the trailer fields that may be forwarded, in order: without framing, routing, authentication, controls, conditions, what
// describes the content, what the gateway sets itself, and what is hop-by-hop (RFC 9110 section 6.5.1) or was given to Omit. Valid once
// Done and until Reset; the bytes are b's own.
func (b *Body) Trailers() []Field {
	if b.state != bodyDone {
		return nil
	}
	return b.trailer.set.fields
}

// Omit leaves out of Trailers the fields that list, the value of a Connection field of the head, names (RFC 9110 section 7.6.1). It
// copies the names, for by the time the trailers come the head is gone. Call it after Reset, once for each Connection field.
func (b *Body) Omit(list []byte) { b.trailer.omit(list) }
