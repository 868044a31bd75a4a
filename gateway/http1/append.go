package http1

import "math/bits"

// AppendField appends one field line: "name: value" and CRLF. Neither is checked: they come from a parsed head or from the program.
func AppendField(dst []byte, name string, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// AppendFieldBytes is AppendField for a name in bytes.
func AppendFieldBytes(dst, name, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// AppendChunk appends data as one chunk. Empty data appends nothing: a chunk of size 0 would end the body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	const digits = "0123456789abcdef"
	for shift := (bits.Len(uint(len(data))) - 1) &^ 3; shift >= 0; shift -= 4 {
		dst = append(dst, digits[len(data)>>shift&15])
	}
	dst = append(dst, "\r\n"...)
	dst = append(dst, data...)
	return append(dst, "\r\n"...)
}

// AppendLastChunk appends the end of a chunked body: the chunk of size 0, the trailers that are not Hop, and the empty line.
func AppendLastChunk(dst []byte, trailers []Field) []byte {
	dst = append(dst, "0\r\n"...)
	for i := range trailers {
		if !trailers[i].Hop {
			dst = AppendFieldBytes(dst, trailers[i].Name, trailers[i].Value)
		}
	}
	return append(dst, "\r\n"...)
}
