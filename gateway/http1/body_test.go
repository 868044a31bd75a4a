package http1

import (
	"strings"
	"testing"
)

func TestTrailers(t *testing.T) {
	te := "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
	row := requestRow(t, Limits{})
	f := func(in, want string) {
		t.Helper()
		row(te+in, "POST / host=h 1.1 chunked Host=h Transfer-Encoding=chunked!\nbody \"a\""+want)
	}
	f("\r\n", "")
	f("X: 1\r\n\r\n", "\ntrailers X=1")
	f("X-Sum:\t a b \r\nGrpc-Status: 0\r\nServer: s\r\n\r\n", "\ntrailers X-Sum=\"a b\" Grpc-Status=0 Server=s")
	f("X: 1\r\n", "\nincomplete")
	f("X: 1\r\n\r", "\nincomplete")
	f("X", "\nincomplete")

	f("X : 1\r\n\r\n", "\n400 space_before_colon")
	f(" X: 1\r\n\r\n", "\n400 obs_fold")
	f("X: 1\r\n 2\r\n\r\n", "\n400 obs_fold")
	f("X: 1\n\r\n", "\n400 bare_lf")
	f("X: 1\r\n\n", "\n400 bare_lf")
	f("\n", "\n400 bare_lf")
	f("X: 1\rY: 2\r\n\r\n", "\n400 bare_cr")
	f("X: 1\r\n\rY", "\n400 bare_cr")
	f("\rX", "\n400 bare_cr")
	f("X: \x00\r\n\r\n", "\n400 nul_byte")
	f("\x00", "\n400 nul_byte")
	f("X: \x01\r\n\r\n", "\n400 bad_field_value")
	f("X\r\n\r\n", "\n400 bad_field_name")
	f(": 1\r\n\r\n", "\n400 bad_field_name")
	f("GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", "\n400 bad_field_name")

	f(strings.Repeat("X: 1\r\n", maxTrailerFields)+"\r\n", "\ntrailers"+strings.Repeat(" X=1", maxTrailerFields))
	f(strings.Repeat("X: 1\r\n", maxTrailerFields+1)+"\r\n", "\n400 too_many_trailers")

	// What must not come late is left out.
	for id := Other + 1; id < idCount; id++ {
		name := strings.ToUpper(id.String()[:1]) + id.String()[1:]
		f("A: 1\r\n"+name+": x\r\nB: 2\r\n\r\n", "\ntrailers A=1 B=2")
	}
	f("Transfer_Encoding: chunked\r\nX.Forwarded.For: ::1\r\nA_B: 1\r\n\r\n", "\ntrailers A_B=1")
}

// TestTrailerLimit tries the bound on the section at its edge, twice on the same object.
func TestTrailerLimit(t *testing.T) {
	var b Body
	value := strings.Repeat("v", maxTrailerBytes-len("X: \r\n\r\n"))
	for range 2 {
		for _, step := range []int{1, 100, 1 << 20} {
			b.Reset(Chunked, 0)
			if _, err := decodeIn(&b, "0\r\nX: "+value+"\r\n\r\nGET", step); err != nil || !b.Done() || string(b.Trailers()[0].Value) != value {
				t.Errorf("8 KiB in steps of %d: got %v", step, err)
			}
			b.Reset(Chunked, 0)
			if _, err := decodeIn(&b, "0\r\nX: "+value+"v\r\n\r\n", step); err != TrailersTooLong || b.Done() || b.Trailers() != nil {
				t.Errorf("one byte more in steps of %d: got %v, want %v", step, err, TrailersTooLong)
			}
		}
	}
}

// decodeIn is decode with at most step bytes of input a call.
func decodeIn(b *Body, in string, step int) (content string, err *Error) {
	for len(in) > 0 && !b.Done() {
		data, n, err := b.Next([]byte(in[:min(step, len(in))]))
		content += string(data)
		if err != nil {
			return content, err
		}
		in = in[n:]
	}
	return content, nil
}

// TestOmit: Connection of the head names trailers too.
func TestOmit(t *testing.T) {
	var b Body
	f := func(connection []string, in, want string) {
		t.Helper()
		b.Reset(Chunked, 0)
		for _, list := range connection {
			held := []byte(list)
			b.Omit(held)
			for i := range held {
				held[i] = 'Z' // the head is gone by the time the trailers come
			}
		}
		content, err := decode(&b, "0\r\n"+in+"\r\n")
		got := ""
		for _, f := range b.Trailers() {
			got += dumpField(f)
		}
		if content != "" || err != nil || got != want {
			t.Errorf("Connection %q, trailers %q: got %q, %q, %v, want %q", connection, in, got, content, err, want)
		}
	}
	f(nil, "A: 1\r\nB: 2\r\n", " A=1 B=2")
	f([]string{"b"}, "A: 1\r\nB: 2\r\n", " A=1")
	f([]string{"close, B", "keep-alive", "c ,x y,, a"}, "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n", " D=4")
	f(nil, "A: 1\r\nB: 2\r\n", " A=1 B=2")
	f([]string{"server, b"}, "A: 1\r\nB: 2\r\nServer: 3\r\n", " A=1")
	f([]string{"server, te, te"}, "A: 1\r\nServer: 2\r\n", " A=1")
	most := strings.Repeat("b,", maxConnectionNames)
	f([]string{most}, "A: 1\r\nB: 2\r\n", " A=1")
	f([]string{most, "c"}, "A: 1\r\nB: 2\r\n", "")
}

// TestBodyStates looks at what is asked between pieces.
func TestBodyStates(t *testing.T) {
	var b Body
	check := func(what string, done bool, remaining int64) {
		t.Helper()
		if b.Done() != done || b.Remaining() != remaining {
			t.Errorf("%s: got done %v, remaining %d, want %v, %d", what, b.Done(), b.Remaining(), done, remaining)
		}
	}
	next := func(in, content string, used int) {
		t.Helper()
		if data, n, err := b.Next([]byte(in)); string(data) != content || n != used || err != nil {
			t.Errorf("Next(%q): got %q, %d, %v, want %q, %d", in, data, n, err, content, used)
		}
	}
	eof := func(want *Error) {
		t.Helper()
		if got := b.EOF(); got != want {
			t.Errorf("EOF: got %v, want %v", got, want)
		}
	}
	check("zero value", true, -1)
	next("x", "", 0)
	eof(nil)

	b.Reset(NoBody, 5)
	check("no body", true, -1)
	b.Reset(ByLength, 0)
	check("length 0", true, -1)

	b.Reset(ByLength, 3)
	check("length 3", false, 3)
	next("", "", 0)
	next("ab", "ab", 2)
	check("one missing", false, 1)
	next("cd", "c", 1)
	check("whole", true, -1)
	next("d", "", 0)
	eof(nil)
	b.Reset(ByLength, 3)
	next("ab", "ab", 2)
	eof(Truncated)
	check("truncated", false, -1)
	if data, n, err := b.Next([]byte("c")); data != nil || n != 0 || err != Truncated {
		t.Errorf("Next after EOF: got %q, %d, %v, want %v", data, n, err, Truncated)
	}

	b.Reset(UntilClose, 0)
	check("until close", false, -1)
	next("abc", "abc", 3)
	next("", "", 0)
	eof(nil)
	check("closed", true, -1)

	b.Reset(Chunked, 0)
	check("chunked", false, -1)
	next("3\r\nab", "ab", 5)
	next("c\r\n", "c", 1)
	next("\r\n", "", 2)
	next("0\r\nX: 1\r\n\r\nGET", "", 3+8)
	check("last chunk", true, -1)
	if got := b.Trailers(); len(got) != 1 || dumpField(got[0]) != " X=1" {
		t.Errorf("trailers: got %v", got)
	}
	b.Reset(Chunked, 0)
	if got := b.Trailers(); got != nil {
		t.Errorf("trailers after Reset: got %v", got)
	}
	eof(Truncated)
	b.Reset(Chunked, 0)
	for range 2 {
		if data, n, err := b.Next([]byte("5 \r\n")); data != nil || n > 1 || err != BadChunkSize {
			t.Errorf("bad chunk: got %q, %d, %v, want %v", data, n, err, BadChunkSize)
		}
	}
	eof(BadChunkSize)
	check("failed", false, -1)
}

func TestAppend(t *testing.T) {
	f := func(got []byte, want string) {
		t.Helper()
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(AppendChunk([]byte("x"), nil), "x")
	f(AppendChunk(nil, []byte("a")), "1\r\na\r\n")
	f(AppendChunk(nil, []byte(strings.Repeat("a", 15))), "f\r\n"+strings.Repeat("a", 15)+"\r\n")
	f(AppendChunk(nil, []byte(strings.Repeat("a", 16))), "10\r\n"+strings.Repeat("a", 16)+"\r\n")
	f(AppendChunk(nil, []byte(strings.Repeat("a", 0xabc))), "abc\r\n"+strings.Repeat("a", 0xabc)+"\r\n")
	f(AppendLastChunk([]byte("x"), nil), "x0\r\n\r\n")
	f(AppendLastChunk(nil, []Field{{Name: []byte("A"), Value: []byte("1")}, {Name: []byte("B"), Hop: true}, {Name: []byte("C")}}),
		"0\r\nA: 1\r\nC: \r\n\r\n")
	f(AppendField([]byte("x"), "Host", []byte("h")), "xHost: h\r\n")
	f(AppendFieldBytes([]byte("x"), []byte("Host"), []byte("h")), "xHost: h\r\n")
}
