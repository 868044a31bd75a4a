package http1

import (
	"strings"
	"testing"
)

// TestNoAllocations: once warm, no message costs an allocation, good or bad.
func TestNoAllocations(t *testing.T) {
	f := func(what string, run func()) {
		t.Helper()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", what, n)
		}
	}
	var s Scanner
	var req Request
	var res Response
	var b Body
	for _, seed := range requestSeeds() {
		in := []byte(seed)
		f("request "+seed, func() {
			s.Reset()
			if n, err := s.Scan(in, Limits{}); err == nil && n > 0 {
				if ParseRequest(in[:n], &req, Limits{}) == nil {
					b.Reset(req.Framing, req.Length)
					drain(&b, in[n:])
				}
			}
		})
	}
	for _, seed := range responseSeeds() {
		in := []byte(seed)
		f("response "+seed, func() {
			s.Reset()
			if n, err := s.Scan(in, Limits{}); err == nil && n > 0 {
				if err := ParseResponse(in[:n], GET, &res, Limits{}); err == nil {
					b.Reset(res.Framing, res.Length)
					drain(&b, in[n:])
				}
			}
		})
	}
	for _, seed := range chunkSeeds {
		in := []byte(seed)
		f("chunks "+seed, func() {
			b.Reset(Chunked, 0)
			b.Omit(in[:0])
			for i := range in {
				if _, _, err := b.Next(in[i : i+1]); err != nil {
					break
				}
			}
		})
	}
	connection := []byte("keep-alive, x-a, x-b")
	f("Omit", func() {
		b.Reset(Chunked, 0)
		b.Omit(connection)
	})
	dst := make([]byte, 0, 4096)
	data := []byte(strings.Repeat("a", 1000))
	trailers := []Field{{Name: []byte("X"), Value: data}}
	f("Append", func() {
		dst = AppendLastChunk(AppendChunk(AppendField(dst[:0], "Host", data), data), trailers)
	})
	f("tokens", func() {
		if !HasToken(connection, "x-b") || EqualFold(connection, "x-b") {
			t.Fatal("HasToken or EqualFold is wrong")
		}
	})
}

// drain decodes in until it uses nothing more.
func drain(b *Body, in []byte) (total int) {
	for !b.Done() {
		data, n, err := b.Next(in)
		total += len(data)
		if n == 0 || err != nil {
			break
		}
		in = in[n:]
	}
	return total
}
