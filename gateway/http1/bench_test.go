package http1

import (
	"strconv"
	"strings"
	"testing"
)

// A browser-like head of 8 fields and about 300 bytes.
const typicalRequest = "GET /api/v1/items/4711?sort=price&page=2 HTTP/1.1\r\n" +
	"Host: shop.example.com\r\n" +
	"User-Agent: curl/8.5.0 (x86_64-pc-linux-gnu) libcurl/8.5.0\r\n" +
	"Accept: application/json\r\n" +
	"Accept-Encoding: gzip, deflate, br\r\n" +
	"X-User-Id: u-1234567890\r\n" +
	"X-Gray-Tag: gray\r\n" +
	"Cookie: uid=abcdef0123456789; gray_version=v2\r\n" +
	"Connection: keep-alive\r\n" +
	"\r\n"

// BenchmarkParseRequest is all that a head costs: Scan and ParseRequest.
func BenchmarkParseRequest(b *testing.B) {
	cases := []struct{ name, head string }{
		{"minimal", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"typical", typicalRequest},
		{"absolute", strings.Replace(typicalRequest, "GET /", "GET http://shop.example.com/", 1)},
		{"cookie4k", strings.Replace(typicalRequest, "Cookie: ", "Cookie: big="+strings.Repeat("abcdefgh", 512)+"; ", 1)},
		{"fields100", strings.Replace(typicalRequest, "\r\n\r\n", strings.Repeat("\r\nX-Custom-Field-Name: some value of it", 92)+"\r\n\r\n", 1)},
	}
	for _, c := range cases {
		b.Run("case="+c.name, func(b *testing.B) {
			head := []byte(c.head)
			b.SetBytes(int64(len(head)))
			b.ReportAllocs()
			var s Scanner
			var r Request
			for b.Loop() {
				s.Reset()
				n, err := s.Scan(head, Limits{})
				if err == nil {
					err = ParseRequest(head[:n], &r, Limits{})
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan is the part of BenchmarkParseRequest that finds the end of the head.
func BenchmarkScan(b *testing.B) {
	head := []byte(typicalRequest)
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	var s Scanner
	for b.Loop() {
		s.Reset()
		if n, err := s.Scan(head, Limits{}); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkParseResponse(b *testing.B) {
	cases := []struct{ name, head string }{
		{"minimal", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"},
		{"typical", "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: application/json; charset=utf-8\r\n" +
			"Content-Length: 137\r\nConnection: keep-alive\r\nCache-Control: no-store\r\nETag: \"65922b00-89\"\r\nSet-Cookie: uid=abcdef0123456789; Path=/; HttpOnly\r\n\r\n"},
	}
	for _, c := range cases {
		b.Run("case="+c.name, func(b *testing.B) {
			head := []byte(c.head)
			b.SetBytes(int64(len(head)))
			b.ReportAllocs()
			var s Scanner
			var r Response
			for b.Loop() {
				s.Reset()
				n, err := s.Scan(head, Limits{})
				if err == nil {
					err = ParseResponse(head[:n], GET, &r, Limits{})
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkChunkedBody(b *testing.B) {
	for _, size := range []int{1, 16, 1024, 64 << 10} {
		b.Run("case=chunk"+strconv.Itoa(size), func(b *testing.B) {
			var wire []byte
			for range max(1, 4096/size) {
				wire = AppendChunk(wire, make([]byte, size))
			}
			wire = AppendLastChunk(wire, nil)
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			var body Body
			for b.Loop() {
				body.Reset(Chunked, 0)
				if drain(&body, wire); !body.Done() {
					b.Fatal("not done")
				}
			}
		})
	}
}
