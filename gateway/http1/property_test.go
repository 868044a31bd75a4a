package http1

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawPieces cuts in at random places.
func drawPieces(t *rapid.T, in []byte) (pieces [][]byte) {
	for len(in) > 0 {
		n := rapid.IntRange(1, len(in)).Draw(t, "piece")
		pieces = append(pieces, in[:n])
		in = in[n:]
	}
	return pieces
}

// drawSpoiled draws one of the seeds, changed in up to four places by bytes and words that matter.
func drawSpoiled(t *rapid.T, seeds []string) []byte {
	in := []byte(rapid.SampledFrom(seeds).Draw(t, "seed"))
	words := []string{"", "\r", "\n", "\r\n", "\r\n\r\n", " ", "\t", ":", ",", "\x00", "\x7f", "\x80", "0", "5", "a", ";", "?", "#", "%", "%41", "@", "/", "*", "[", "_",
		"HTTP/1.1", "HTTP/1.0", "Host: h\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Connection: x\r\n", "chunked", "close", "http://y", "GET", "OPTIONS"}
	for range rapid.IntRange(0, 4).Draw(t, "changes") {
		from := rapid.IntRange(0, len(in)).Draw(t, "from")
		to := min(len(in), from+rapid.SampledFrom([]int{0, 0, 1, 1, 2, 5, 30}).Draw(t, "drop"))
		word := rapid.SampledFrom(words).Draw(t, "word")
		in = append(append(append([]byte(nil), in[:from]...), word...), in[to:]...)
	}
	return in
}

// TestAnySplit: however the bytes come in, the outcome is the same; the plain parser and net/http agree with it.
func TestAnySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSpoiled(t, requestSeeds())
		newCodec := func() *codec { return requestCodec(Limits{}) }
		pieces := drawPieces(t, in)
		if got, want := feedAll(newCodec(), pieces...), feedAll(newCodec(), in); got != want {
			t.Fatalf("pieces %q:\ngot  %v, used %d\nwant %v, used %d", pieces, got, got.used, want, want.used)
		}
		checkAgainstPlain(rapidTB{t: t}, in)
		checkRequestAgainstNetHTTP(rapidTB{t: t}, in)
	})
	rapid.Check(t, func(t *rapid.T) {
		in := drawSpoiled(t, responseSeeds())
		method := rapid.SampledFrom([]Method{GET, HEAD}).Draw(t, "method")
		newCodec := func() *codec { return responseCodec(method, Limits{}) }
		pieces := drawPieces(t, in)
		if got, want := feedAll(newCodec(), pieces...), feedAll(newCodec(), in); got != want {
			t.Fatalf("pieces %q:\ngot  %v, used %d\nwant %v, used %d", pieces, got, got.used, want, want.used)
		}
		checkResponseAgainstNetHTTP(rapidTB{t: t}, in, method)
	})
}

// rapidTB lets the checks of fuzzing fail a property.
type rapidTB struct {
	testing.TB
	t *rapid.T
}

func (tb rapidTB) Helper()                           {}
func (tb rapidTB) Fatalf(format string, args ...any) { tb.t.Fatalf(format, args...) }

// TestIPv6AgainstNetip compares with the standard library, near addresses that are just right.
func TestIPv6AgainstNetip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "0", "1", "ab", "FFFF", "12345", "g", "1.2.3.4", "0.0.0.0", "1.2.3", "01.2.3.4", "255.256.1.1"}), 0, 9).Draw(t, "groups")
		text := strings.Join(groups, ":")
		if rapid.Bool().Draw(t, "mostly right") {
			n := rapid.IntRange(0, 8).Draw(t, "n")
			all := strings.Split("1:2:3:4:5:6:7:8", ":")
			text = strings.Join(all[:n], ":") + rapid.SampledFrom([]string{"", ":", "::"}).Draw(t, "colons") + strings.Join(all[min(8, n+rapid.IntRange(0, 2).Draw(t, "gap")):], ":")
		}
		a, err := netip.ParseAddr(text)
		if got, want := validIPv6([]byte(text)), err == nil && a.Is6(); got != want {
			t.Fatalf("%q: got %v, want %v", text, got, want)
		}
	})
}

// TestParseOfWritten: what is written from random parts is read back as those parts.
func TestParseOfWritten(t *testing.T) {
	value := rapid.StringMatching(`([!-~\x{80}-\x{ff}]([\t -~]{0,30}[!-~])?)?`)
	rapid.Check(t, func(t *rapid.T) {
		method := string(drawToken(t, "method"))
		target := rapid.StringMatching(`/([!"$&->@-~]|%[0-9A-Fa-f]{2}){0,30}(\?[!-"$-~]{0,30})?`).Draw(t, "target")
		host := rapid.StringMatching(`[a-z0-9.-]{1,20}(:[1-9][0-9]{0,3})?`).Draw(t, "host")
		if method == "CONNECT" {
			t.Skip("not served")
		}
		w := fmt.Appendf(nil, "%s %s HTTP/1.1\r\n", method, target)
		w = AppendField(w, "Host", []byte(host))
		want := fmt.Sprintf("%s %s host=%s 1.1 none Host=%s", method, target, host, host)
		for range rapid.IntRange(0, 20).Draw(t, "fields") {
			name, value := drawToken(t, "name"), []byte(value.Draw(t, "value"))
			switch lookUpID(name) {
			case Host, ContentLength, TransferEncoding, Connection, Expect:
				continue // these mean something: see the tables
			}
			w = AppendFieldBytes(w, name, value)
			want += dumpField(Field{Name: name, Value: value, ID: lookUpID(name), Hop: plainHop(string(name))})
		}
		w = append(w, "\r\n"...)
		var r Request
		n, err := new(Scanner).Scan(append(w, "GET"...), Limits{})
		if n != len(w) || err != nil {
			t.Fatalf("%q: Scan got %d, %v, want %d", w, n, err, len(w))
		}
		if err := ParseRequest(w, &r, Limits{}); err != nil || dumpRequest(&r) != want {
			t.Fatalf("%q:\ngot  %s %v\nwant %s", w, dumpRequest(&r), err, want)
		}
	})
}

// TestBodyRoundTrip: content that is encoded, whatever the chunks and extensions, comes out the same under any split.
func TestBodyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 8).Draw(t, "parts")
		framing := rapid.SampledFrom([]Framing{ByLength, Chunked, UntilClose}).Draw(t, "framing")
		var wire, content []byte
		for _, part := range parts {
			content = append(content, part...)
			if framing != Chunked {
				wire = append(wire, part...)
				continue
			}
			chunk := AppendChunk(nil, part)
			if len(part) > 0 && rapid.Bool().Draw(t, "extend") {
				chunk = bytes.Replace(chunk, []byte("\r\n"), []byte(";"+rapid.StringMatching(`[ -~]{0,10}`).Draw(t, "extension")+"\r\n"), 1)
			}
			wire = append(wire, chunk...)
		}
		trailers := []Field{{Name: []byte("X-T"), Value: []byte("1")}, {Name: []byte("y"), Value: []byte("")}}[:rapid.IntRange(0, 2).Draw(t, "trailers")]
		if framing == Chunked {
			wire = AppendLastChunk(wire, trailers)
		}
		c := &codec{inBody: true}
		c.body.Reset(framing, int64(len(content)))
		more := "GET / HTTP/1.1\r\n"
		if framing == UntilClose {
			more = ""
		}
		got := feedAll(c, drawPieces(t, append(wire, more...))...)
		want := outcome{body: string(content), used: len(wire), done: true}
		if framing == Chunked {
			for _, f := range trailers {
				want.trailers += dumpField(f)
			}
		} else if framing == ByLength && len(content) == 0 {
			got.done = true // nothing was fed to see it
		}
		if got != want {
			t.Fatalf("%v %q:\ngot  %v, used %d\nwant %v, used %d", framing, wire, got, got.used, want, want.used)
		}
	})
}

// TestSpoiledChunks: for chunked bodies with errors in them the plain decoder agrees.
func TestSpoiledChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSpoiled(t, chunkSeeds)
		whole := &codec{inBody: true}
		whole.body.Reset(Chunked, 0)
		want := feedAll(whole, in)
		c := &codec{inBody: true}
		c.body.Reset(Chunked, 0)
		pieces := drawPieces(t, in)
		if got := feedAll(c, pieces...); got != want {
			t.Fatalf("pieces %q:\ngot  %v, used %d\nwant %v, used %d", pieces, got, got.used, want, want.used)
		}
		checkChunksAgainstPlain(rapidTB{t: t}, in, want)
	})
}

var (
	plainChunkLine = regexp.MustCompile(`^([0-9A-Fa-f]{1,16})(;[ -~\x{80}-\x{ff}]*)?\r\n`)
	plainTrailer   = regexp.MustCompile("^" + plainToken + `:[\t -~\x{80}-\x{ff}]*\r\n`)
)

// checkChunksAgainstPlain compares a decoded body with what regular expressions after RFC 9112 section 7.1 make of it: the
// content, and where the message ends if it does.
func checkChunksAgainstPlain(t testing.TB, in []byte, got outcome) {
	t.Helper()
	runes := make([]rune, len(in))
	for i, c := range in {
		runes[i] = rune(c)
	}
	rest := string(runes)
	content, done, used := "", false, 0
	take := func(re *regexp.Regexp) []string {
		m := re.FindStringSubmatch(rest)
		if m != nil {
			rest = rest[len(m[0]):]
			used += len([]rune(m[0]))
		}
		return m
	}
	for {
		m := take(plainChunkLine)
		if m == nil {
			break
		}
		size, err := strconv.ParseInt(m[1], 16, 64)
		if err != nil {
			break
		}
		if size == 0 {
			count := 0
			for take(plainTrailer) != nil {
				count++
			}
			done = strings.HasPrefix(rest, "\r\n") && count <= maxTrailerFields
			used += 2
			break
		}
		data := []rune(rest)
		n := int(min(size, int64(len(data))))
		content += string(in[used : used+n])
		used += n
		after := string(data[n:])
		if !strings.HasPrefix(after, "\r\n") {
			break
		}
		rest = after[2:]
		used += 2
	}
	if len(in) > maxTrailerBytes {
		return // the limits on extensions and trailers have tests of their own
	}
	if got.body != content || got.done != done || done && got.used != used {
		t.Fatalf("chunks %q:\ngot  %q, done %v, used %d, %v\nwant %q, done %v, used %d", in, got.body, got.done, got.used, got.err, content, done, used)
	}
}
