package http1

import (
	"strings"
	"testing"
)

const post = "POST / HTTP/1.1\r\nHost: h\r\n"

func TestContentLength(t *testing.T) {
	f := requestRow(t, Limits{})
	f(post+"Content-Length: 5\r\n\r\nhello", "POST / host=h 1.1 length(5) Host=h Content-Length=5\nbody \"hello\"")
	f(post+"content-length:\t5 \r\n\r\nhello", "POST / host=h 1.1 length(5) Host=h content-length=5\nbody \"hello\"")
	f(post+"Content-Length: 0\r\n\r\n", "POST / host=h 1.1 length(0) Host=h Content-Length=0")
	f(post+"Content-Length: 0000000000000000002\r\n\r\nab", "POST / host=h 1.1 length(2) Host=h Content-Length=0000000000000000002\nbody \"ab\"")
	f(post+"Content-Length: 9223372036854775807\r\n\r\nab", "POST / host=h 1.1 length(9223372036854775807) Host=h Content-Length=9223372036854775807\nbody \"ab\"\nincomplete")
	f(post+"Content-Length: 5\r\n\r\nhell", "POST / host=h 1.1 length(5) Host=h Content-Length=5\nbody \"hell\"\nincomplete")
	f("GET / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab", "GET / 1.0 length(2) close Content-Length=2\nbody \"ab\"")
	f(post+"\r\n", "POST / host=h 1.1 none Host=h")

	bad := func(value string) {
		t.Helper()
		f(post+"Content-Length: "+value+"\r\n\r\nhello", "400 bad_content_length")
		f(strings.Replace(post, "1.1", "1.0", 1)+"Content-Length: "+value+"\r\n\r\nhello", "400 bad_content_length")
	}
	bad("")
	bad("+5")
	bad("-1")
	bad("-0")
	bad("0x5")
	bad("5h")
	bad("5 5")
	bad("5, 5")
	bad("5,5")
	bad("5,")
	bad(",5")
	bad("5, 6")
	bad("5;5")
	bad("5.0")
	bad("5e0")
	bad("1_000")
	bad("\"5\"")
	bad("'5'")
	bad("\xd9\xa5") // ARABIC-INDIC DIGIT FIVE
	bad("\xa05")
	bad("9223372036854775808")
	bad("18446744073709551616")
	bad("18446744073709551621") // 2^64 + 5
	bad("99999999999999999999999999999999")
	bad("00000000000000000005")
	bad("4294967301a")
	bad("NaN")

	f(post+"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400 duplicate_content_length")
	f(post+"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400 duplicate_content_length")
	f(post+"Content-Length: 6\r\nX: y\r\ncontent-length: 5\r\n\r\nhello", "400 duplicate_content_length")
	f(post+"Content-Length : 5\r\n\r\nhello", "400 space_before_colon")
	f(post+"Content-Length\t: 5\r\n\r\nhello", "400 space_before_colon")
	f(post+" Content-Length: 5\r\n\r\nhello", "400 obs_fold")
	f(post+"X: y\r\n\tContent-Length: 5\r\n\r\nhello", "400 obs_fold")
	f(post+"Content-Length:\r\n 5\r\n\r\nhello", "400 obs_fold")
	f(post+"Content-Length: 5\x00\r\n\r\nhello", "400 nul_byte")
	f(post+"Content-Length\x00: 5\r\n\r\nhello", "400 nul_byte")
	f(post+"Content-Length: \x0b5\r\n\r\nhello", "400 bad_field_value")
	f(post+"Content-Length: 5\x0c\r\n\r\nhello", "400 bad_field_value")
	f(post+"Content-Length: 5\n\r\nhello", "400 bare_lf")
	f(post+"Content-Length: 5\rX: y\r\n\r\nhello", "400 bare_cr")
	f(post+"Content Length: 5\r\n\r\nhello", "400 bad_field_name")
	f(post+"Content-Length;: 5\r\n\r\nhello", "400 bad_field_name")
}

func TestTransferEncoding(t *testing.T) {
	f := requestRow(t, Limits{})
	const body = "\r\n5\r\nhello\r\n0\r\n\r\n"
	good := func(line string, dumped string) {
		t.Helper()
		f(post+line+"\r\n"+body, "POST / host=h 1.1 chunked Host=h "+dumped+"!\nbody \"hello\"")
	}
	good("Transfer-Encoding: chunked", "Transfer-Encoding=chunked")
	good("Transfer-Encoding:\t chunked \t", "Transfer-Encoding=chunked")
	good("tRANSFER-eNCODING: Chunked", "tRANSFER-eNCODING=Chunked")

	bad := func(lines, want string) {
		t.Helper()
		f(post+lines+"\r\n"+body, want)
	}
	// Well-formed, but not spoken here.
	bad("Transfer-Encoding: gzip, chunked", "501 coding_unsupported")
	bad("Transfer-Encoding: gzip,chunked", "501 coding_unsupported")
	bad("Transfer-Encoding: identity, chunked", "501 coding_unsupported")
	bad("Transfer-Encoding: x , y\t, CHUNKED", "501 coding_unsupported")
	// Where the body ends is not known, or is to be guessed.
	bad("Transfer-Encoding: ", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: gzip", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: identity", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: cow", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: xchunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunkedx", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunk", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked, gzip", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked, identity", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked, chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked,", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked ,", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: ,chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: , chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: gzip,,chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: gzip chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked;q=1", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked; x", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: \"chunked\"", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: 'chunked'", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: [chunked]", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: {chunked}", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked#", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked\\", "400 bad_transfer_encoding")
	bad("Transfer-Encoding:: chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: : chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: ch\xffunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: \x80chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: \xa0chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chun\xe2\x84\xaaed", "400 bad_transfer_encoding") // KELVIN SIGN folds to k in Unicode
	bad("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: chunked\r\nTransfer-encoding: cow", "400 bad_transfer_encoding")
	bad("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", "400 bad_transfer_encoding")
	bad("Transfer-Encoding:\r\nTransfer-Encoding: chunked", "400 bad_transfer_encoding")
	// Hidden from one reader, not from the other.
	bad("Transfer-Encoding : chunked", "400 space_before_colon")
	bad("Transfer-Encoding\t: chunked", "400 space_before_colon")
	bad("Transfer-Encoding\t :\tchunked", "400 space_before_colon")
	bad(" Transfer-Encoding: chunked", "400 obs_fold")
	bad("X: X\r\n Transfer-Encoding: chunked", "400 obs_fold")
	bad("Transfer-Encoding:\r\n chunked", "400 obs_fold")
	bad("Transfer-Encoding: chunked\r\n x", "400 obs_fold")
	bad("Transfer-Encoding: \x0bchunked", "400 bad_field_value")
	bad("Transfer-Encoding:\x0cchunked", "400 bad_field_value")
	bad("Transfer-Encoding: chunked\x0b", "400 bad_field_value")
	bad("Transfer-Encoding: chunk\x08ed", "400 bad_field_value")
	bad("Transfer-Encoding: chunked\x7f", "400 bad_field_value")
	bad("Transfer-Encoding: chunked\x00", "400 nul_byte")
	bad("Transfer-Encoding\x00: chunked", "400 nul_byte")
	bad("Transfer-Encoding: chu\rnked", "400 bare_cr")
	bad("Transfer-Encoding: chunked\r", "400 bare_cr")
	bad("X: X\rTransfer-Encoding: chunked", "400 bare_cr")
	bad("X: X\nTransfer-Encoding: chunked", "400 bare_lf")
	bad("Transfer-Encoding: chunked\nX: y", "400 bare_lf")
	bad("Transfer Encoding: chunked", "400 bad_field_name")
	bad("Transfer-Encoding chunked", "400 bad_field_name")
	bad("\x01Transfer-Encoding: chunked", "400 bad_field_name")
	bad("Transfer-Encoding\xa0: chunked", "400 bad_field_name")
	bad("\"Transfer-Encoding\": chunked", "400 bad_field_name")
	bad("Transfer-Encoding=chunked", "400 bad_field_name")

	// With a length, in either order: never a choice between them.
	bad("Content-Length: 5\r\nTransfer-Encoding: chunked", "400 length_with_coding")
	bad("Transfer-Encoding: chunked\r\nContent-Length: 5", "400 length_with_coding")
	bad("Transfer-Encoding: chunked\r\nContent-Length: x", "400 length_with_coding")
	bad("Transfer-Encoding: identity\r\nContent-Length: 5", "400 length_with_coding")
	bad("Transfer-Encoding:\r\nContent-Length: 5", "400 length_with_coding")
	bad("Content-Length: 0\r\nTransfer-Encoding: chunked", "400 length_with_coding")

	f("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"+body, "400 coding_in_http10")
	f("POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n"+body, "400 coding_in_http10")
}

func TestChunks(t *testing.T) {
	te := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	row := requestRow(t, Limits{})
	const head = "POST / host=h 1.1 chunked Host=h Transfer-Encoding=chunked!"
	f := func(in, want string) {
		t.Helper()
		if !strings.Contains(want, "400") || strings.HasPrefix(want, "body") {
			want = strings.TrimSuffix(head+"\n"+want, "\n")
		}
		row(te+in, want)
	}
	f("0\r\n\r\n", "")
	f("5\r\nhello\r\n0\r\n\r\n", `body "hello"`)
	f("1\r\na\r\n2\r\nbc\r\n00\r\n\r\n", `body "abc"`)
	f("0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", `body "hello"`)
	f("a\r\n0123456789\r\n0\r\n\r\n", `body "0123456789"`)
	f("A\r\n0123456789\r\n0\r\n\r\n", `body "0123456789"`)
	f("2\r\n\r\n\r\n0\r\n\r\n", `body "\r\n"`)
	f("5\r\n0\r\n\r\n\r\n0\r\n\r\n", `body "0\r\n\r\n"`)
	f("7fffffffffffffff\r\nab", "body \"ab\"\nincomplete")
	f("5\r\nhel", "body \"hel\"\nincomplete")
	f("5\r\nhello\r\n0\r\n", "body \"hello\"\nincomplete")
	f("5\r\nhello\r\n0\r\n\r", "body \"hello\"\nincomplete")

	// Sizes.
	f("\r\nhello", "400 bad_chunk")
	f("\r\n5\r\nhello", "400 bad_chunk")
	f(" 5\r\nhello", "400 bad_chunk")
	f("\t5\r\nhello", "400 bad_chunk")
	f("5 \r\nhello", "400 bad_chunk")
	f("5\t\r\nhello", "400 bad_chunk")
	f("5 ;x\r\nhello", "400 bad_chunk")
	f("0x5\r\nhello", "400 bad_chunk")
	f("0X5\r\nhello", "400 bad_chunk")
	f("x5\r\nhello", "400 bad_chunk")
	f("\\x5\r\nhello", "400 bad_chunk")
	f("5h\r\nhello", "400 bad_chunk")
	f("g\r\nhello", "400 bad_chunk")
	f("+5\r\nhello", "400 bad_chunk")
	f("-5\r\nhello", "400 bad_chunk")
	f("-0\r\n\r\n", "400 bad_chunk")
	f("5.0\r\nhello", "400 bad_chunk")
	f("0_5\r\nhello", "400 bad_chunk")
	f("0_0\r\n\r\n", "400 bad_chunk")
	f("5 0\r\nhello", "400 bad_chunk")
	f("1these-bytes-never-get-validated\r\nZ\r\n0\r\n\r\n", "400 bad_chunk")
	f("\r0\r\n\r\n", "400 bad_chunk")
	f("5,5\r\nhello", "400 bad_chunk")
	f("5\x00\r\nhello", "400 bad_chunk")
	f("5\x0b\r\nhello", "400 bad_chunk")
	f("\xd9\xa5\r\nhello", "400 bad_chunk")
	f(";x\r\nhello", "400 bad_chunk")
	f("00000000000000005\r\nhello", "400 bad_chunk")
	f("8000000000000000\r\nhello", "400 bad_chunk")
	f("ffffffffffffffff\r\nhello", "400 bad_chunk")
	f("fffffffffffffffb\r\nhello", "400 bad_chunk")
	f("10000000000000005\r\nhello", "400 bad_chunk")
	f("00000000000000000000000000000000000000000000000000000000000000000000000000000000", "400 bad_chunk")

	// Line ends.
	f("5\nhello", "400 bare_lf")
	f("5\rhello", "400 bare_cr")
	f("5\r\rhello", "400 bare_cr")
	f("5\r\nhello\n0\r\n\r\n", "body \"hello\"\n400 bad_chunk_end")
	f("5\r\nhello\r0\r\n\r\n", "body \"hello\"\n400 bad_chunk_end")
	f("5\r\nhello0\r\n\r\n", "body \"hello\"\n400 bad_chunk_end")
	f("5\r\nhello world\r\n0\r\n\r\n", "body \"hello\"\n400 bad_chunk_end")
	f("5\r\nhello \r\n0\r\n\r\n", "body \"hello\"\n400 bad_chunk_end")
	f("5\r\nhello\n\r\n0\r\n\r\n", "body \"hello\"\n400 bad_chunk_end")
	f("5\r\nhello\r\n\r\n0\r\n\r\n", "body \"hello\"\n400 bad_chunk")
	f("5\r\nAAAAAXX2\r\n45\r\n0\r\n\r\n", "body \"AAAAA\"\n400 bad_chunk_end")
	f("0\n\n", "400 bare_lf")
	f("0\r\n\n", "400 bare_lf")
	f("0\r\n\r\r", "400 bare_cr")
	f("0\r\n\rX", "400 bare_cr")

	// Extensions are read over.
	f("5;a=b\r\nhello\r\n0;z\r\n\r\n", `body "hello"`)
	f("5;\r\nhello\r\n0\r\n\r\n", `body "hello"`)
	f("5; a = \"b;c\" ; \x80d \r\nhello\r\n0\r\n\r\n", `body "hello"`)
	f("5;a\nhello", "400 bare_lf")
	f("5;a\rhello", "400 bare_cr")
	f("5;a\r\rhello", "400 bare_cr")
	f("5;a\"\r\n\"\r\nhello", "body \"\\\"\\r\\nhe\"\n400 bad_chunk_end")
	f("5;\x00\r\nhello", "400 bad_chunk_extension")
	f("5;a\tb\r\nhello", "400 bad_chunk_extension")
	f("5;a\x7f\r\nhello", "400 bad_chunk_extension")
	f("5;a\x1b[2J\r\nhello", "400 bad_chunk_extension")
}

// TestChunkExtensionLimit counts the extensions of a whole body, twice on the same object.
func TestChunkExtensionLimit(t *testing.T) {
	var b Body
	one := "1;" + strings.Repeat("x", 1023) + "\r\na\r\n"
	for range 2 {
		b.Reset(Chunked, 0)
		content, err := decode(&b, strings.Repeat(one, 16)+"0\r\n\r\n")
		if content != strings.Repeat("a", 16) || err != nil || !b.Done() {
			t.Errorf("16 KiB of extensions: got %q, %v", content, err)
		}
		b.Reset(Chunked, 0)
		content, err = decode(&b, strings.Repeat(one, 16)+"0;\r\n\r\n")
		if content != strings.Repeat("a", 16) || err != ExtensionsTooLong || b.Done() {
			t.Errorf("one byte more: got %q, %v, want %v", content, err, ExtensionsTooLong)
		}
	}
}

// decode gives the content and the error of in.
func decode(b *Body, in string) (content string, err *Error) {
	rest := []byte(in)
	for !b.Done() {
		data, n, err := b.Next(rest)
		content += string(data)
		rest = rest[n:]
		if err != nil || n == 0 {
			return content, err
		}
	}
	return content, nil
}
