package http1

import (
	"strings"
	"testing"
)

// TestScanNeverRescans feeds heads of the full 32 KiB a byte at a time. What is counted is work, not time: before a call all but the
// byte just come has been judged (or a CR, whose LF was missing), and the position never goes back.
func TestScanNeverRescans(t *testing.T) {
	const size = DefaultHeadBytes
	fill := func(start, unit string) string {
		head := start + strings.Repeat(unit, size/len(unit)+1)
		return strings.TrimRight(head[:size-4], "\r\n") + "\r\n\r\n"
	}
	heads := map[string]string{
		"one long line":   fill("GET /", "a"),
		"one long value":  fill("GET / HTTP/1.1\r\nX: ", "b"),
		"tabs":            fill("GET / HTTP/1.1\r\nX: ", "\t"),
		"other controls":  fill("GET / HTTP/1.1\r\nX: ", "\x01\x7f"),
		"obs-text":        fill("GET / HTTP/1.1\r\nX: ", "\xff"),
		"short lines":     fill("GET / HTTP/1.1\r\n", "A: b\r\n"),
		"shortest lines":  fill("G\r\n", "A\r\n"),
		"empty lines":     strings.Repeat("\r\n", size/2-9) + "GET / HTTP/1.1\r\n\r\n",
		"typical request": typicalRequest,
	}
	for name, head := range heads {
		var s Scanner
		b := make([]byte, 0, len(head))
		for i := range len(head) {
			b = append(b, head[i])
			before := s.pos
			n, err := s.Scan(b, Limits{})
			if err != nil || (n != 0) != (i == len(head)-1) {
				t.Fatalf("%s: byte %d of %d gave %d, %v", name, i, len(head), n, err)
			}
			if s.pos < before || len(b)-before > 2 || len(b)-s.pos > 1 && n == 0 {
				t.Fatalf("%s: byte %d moved the scan from %d to %d", name, i, before, s.pos)
			}
		}
	}
}

// TestTrailersNeverRescanned is the same for trailers, which Body collects.
func TestTrailersNeverRescanned(t *testing.T) {
	var b Body
	b.Reset(Chunked, 0)
	in := []byte("0\r\n" + strings.Repeat("X: "+strings.Repeat("a", 250)+"\r\n", 31) + "\r\n")
	for i := range in {
		before := b.trailer.scan.pos
		if _, n, err := b.Next(in[i : i+1]); n != 1 || err != nil {
			t.Fatalf("byte %d: used %d, %v", i, n, err)
		}
		if got := b.trailer.scan.pos; got < before || len(b.trailer.text)-before > 2 {
			t.Fatalf("byte %d moved the scan from %d to %d of %d", i, before, got, len(b.trailer.text))
		}
	}
	if !b.Done() || len(b.Trailers()) != 31 {
		t.Fatalf("got done %v, %d trailers, want 31", b.Done(), len(b.Trailers()))
	}
}

// TestScanKeepsItsResult: a head that was measured, or refused, stays so however much comes behind it.
func TestScanKeepsItsResult(t *testing.T) {
	f := func(in string, wantN int, wantErr *Error) {
		t.Helper()
		var s Scanner
		for range 3 {
			if n, err := s.Scan([]byte(in), Limits{}); n != wantN || err != wantErr {
				t.Errorf("input %q: got %d, %v, want %d, %v", in, n, err, wantN, wantErr)
			}
			in += "\nGET / HTTP/1.1\r\n\r\n"
		}
	}
	f("GET / HTTP/1.1\r\n\r\n", 18, nil)
	f("GET /\r\n\r\n", 9, nil)
	f("GET / HTTP/1.1\r\nA\x00", 0, NULByte)
	f("GET / HTTP/1.1\r\nA\rB", 0, BareCR)
	f("A\n", 0, BareLF)
}
