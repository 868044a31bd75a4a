package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"
)

// plainLine is the oracle of jsonLine with the usual fields.
func plainLine(log zerolog.Logger, r *Record) {
	e := log.Log().
		Time("time", r.Time).
		Str("client", r.Client).
		Str("method", r.Method).
		Str("host", r.Host).
		Str("target", r.Target).
		Int("status", r.Status).
		Int64("bytes_out", r.BytesOut).
		Float64("duration_ms", float64(r.Duration.Microseconds())/1e3)
	if r.Route != "" {
		e.Str("route", r.Route).Str("tag", r.Tag).Str("pool", r.Pool).Int("attempts", r.Attempts)
	}
	if r.Rule != "" {
		e.Str("rule", r.Rule)
	}
	if len(r.Experiments) > 0 {
		e.Str("experiments", r.Experiments)
	}
	if r.Upstream != "" {
		e.Str("upstream", r.Upstream)
	}
	if len(r.RequestID) > 0 {
		e.Str("request_id", r.RequestID)
	}
	if r.Fallback {
		e.Bool("fallback", true)
	}
	if r.Error != "" {
		e.Str("error", r.Error)
	}
	if r.Cut {
		e.Bool("cut", true)
	}
	e.Send()
}

// drawRecord makes any record: texts of any bytes, many of them those that could do harm.
func drawRecord(t *rapid.T) *Record {
	texts := rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("\"\\\n\r\t\b\f\x00\x1b\x7f\xc2\x9b\xe2\x80\xa8\xff<&/ "))), 0, 20)
	text := func(label string) string { return string(texts.Draw(t, label)) }
	r := &Record{
		Time:   time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "time"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(time.FixedZone("", rapid.IntRange(-720, 840).Draw(t, "zone")*60)),
		Client: "192.0.2.7", Method: text("method"), Host: text("host"), Target: text("target"), RequestID: text("id"), Experiments: text("experiments"),
		UserAgent: text("agent"), Referer: text("referer"), Protocol: "HTTP/1.1",
		Status: rapid.IntRange(0, 599).Draw(t, "status"), BytesOut: rapid.Int64().Draw(t, "out"), BytesIn: rapid.Int64().Draw(t, "in"),
		Duration: time.Duration(rapid.OneOf(rapid.Int64Range(0, 1<<22), rapid.Int64Range(0, 1<<52)).Draw(t, "duration")),
	}
	if rapid.Bool().Draw(t, "routed") {
		r.Route, r.Tag, r.Pool, r.Attempts, r.Retries = "shop", "gray", "stable", rapid.IntRange(0, 8).Draw(t, "attempts"), 1
		r.Rule, r.Upstream = rapid.SampledFrom([]string{"", "tagged", "search=B"}).Draw(t, "rule"), rapid.SampledFrom([]string{"", "[::1]:80", "a:1", "a:2"}).Draw(t, "upstream")
		r.Pool, r.Tag = rapid.SampledFrom([]string{"stable", "gray", "other"}).Draw(t, "pool"), rapid.SampledFrom([]string{"stable", "gray"}).Draw(t, "tag")
	}
	r.Fallback, r.Cut = rapid.Bool().Draw(t, "fallback"), rapid.Bool().Draw(t, "cut")
	r.Error = rapid.SampledFrom([]string{"", "no_route"}).Draw(t, "error")
	return r
}

// A line is what zerolog makes of the record, but for C1 controls and U+2028 and U+2029, which it leaves as they are.
func TestJSONLineIsZerologs(t *testing.T) {
	lines := newEncoder(AccessOptions{}, false)
	var s scratch // the same for all: what is remembered of one must do for the next
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		got := string(lines.append(nil, r, &s))
		for c := rune(0x80); c < 0xa0; c++ {
			got = strings.ReplaceAll(got, `\u00`+string([]byte{lowerDigits[c>>4], lowerDigits[c&15]}), string(c))
		}
		got = strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(got)
		var want bytes.Buffer
		plainLine(zerolog.New(&want), r)
		if got != want.String() {
			t.Fatalf("%+v\n got %s want %s", r, got, want.String())
		}
	})
}

// Whatever clients send, a line is one line, has nothing that a terminal obeys, and has the fields that it should have.
func TestLinesCannotBeForged(t *testing.T) {
	lines, combined := newEncoder(AccessOptions{Fields: AccessFields()}, false), newEncoder(AccessOptions{Format: FormatCombined}, false)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		got := lines.append(nil, r, &scratch{})
		if n := bytes.IndexFunc(got[:len(got)-1], harmful); n >= 0 || got[len(got)-1] != '\n' || !utf8.Valid(got) {
			t.Fatalf("a line with a control character at %d: %q", n, got)
		}
		var fields map[string]any
		if err := json.Unmarshal(got, &fields); err != nil {
			t.Fatalf("%v: %q", err, got)
		}
		for name, value := range map[string]string{"target": r.Target, "user_agent": r.UserAgent, "referer": r.Referer} {
			if want := strings.ToValidUTF8(value, ""); len(want) == len(value) && len(value) > 0 && fields[name] != want {
				t.Fatalf("%s: got %q, want %q", name, fields[name], want)
			}
		}

		got = combined.append(nil, r, &scratch{})
		if n := bytes.IndexFunc(got[:len(got)-1], func(c rune) bool { return c < ' ' || c > '~' }); n >= 0 || got[len(got)-1] != '\n' {
			t.Fatalf("a line with a control character at %d: %q", n, got)
		}
		if quotes := bytes.Count(got, []byte(`"`)); quotes != 6 {
			t.Fatalf("got %d quotes, want those round three texts: %s", quotes, got)
		}
	})
}

// harmful are the characters that end a line somewhere, or that a terminal obeys.
func harmful(c rune) bool {
	return c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x2028 || c == 0x2029
}

func TestEscapes(t *testing.T) {
	row := func(in, wantJSON, wantCombined string) {
		if got := string(appendJSONText(nil, in)); got != wantJSON {
			t.Errorf("JSON of %q: got %s, want %s", in, got, wantJSON)
		}
		for n := range 20 { // wherever it stands among those that are looked at together
			before, behind := strings.Repeat("x", n), strings.Repeat("y", 19-n)
			if got := string(appendJSONText(nil, before+in+behind)); got != before+wantJSON+behind {
				t.Errorf("JSON of %q behind %d bytes: got %s, want %s", in, n, got, before+wantJSON+behind)
			}
			if got := string(appendEscaped(nil, before+in+behind)); got != before+wantCombined+behind {
				t.Errorf("combined of %q behind %d bytes: got %s, want %s", in, n, got, before+wantCombined+behind)
			}
		}
		if got := string(appendEscaped(nil, in)); got != wantCombined {
			t.Errorf("combined of %q: got %s, want %s", in, got, wantCombined)
		}
	}
	row("", "", "")
	row("/a b~", "/a b~", "/a b~")
	row(`"\`, `\"\\`, `\x22\x5C`)
	row("a\r\nb", `a\r\nb`, `a\x0D\x0Ab`)
	row("\x00\x1b[2J\x7f", `\u0000\u001b[2J\u007f`, `\x00\x1B[2J\x7F`)
	row("é漢😀", "é漢😀", `\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80`)
	row("\u0085\u009b\u2028\u2029", `\u0085\u009b\u2028\u2029`, `\xC2\x85\xC2\x9B\xE2\x80\xA8\xE2\x80\xA9`)
	row("\xff\xc3", `\ufffd\ufffd`, `\xFF\xC3`)
	row("\ufffd", "\ufffd", `\xEF\xBF\xBD`)
}

func TestMillis(t *testing.T) {
	row := func(in time.Duration, want string) {
		if got := string(appendMillis(nil, in)); got != want {
			t.Errorf("%v: got %s, want %s", in, got, want)
		}
	}
	row(0, "0")
	row(999, "0")
	row(1*time.Microsecond, "0.001")
	row(10*time.Microsecond, "0.01")
	row(100*time.Microsecond, "0.1")
	row(time.Millisecond, "1")
	row(1042*time.Microsecond, "1.042")
	row(time.Hour+120*time.Microsecond, "3600000.12")
}

// BenchmarkLine is the cost of one line; zerolog is what it was before there was a choice of fields.
func BenchmarkLine(b *testing.B) {
	r := filled(&Record{})
	r.Target = "/catalog/items/4711?sort=price&page=2"
	r.UserAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	r.Error, r.Cut, r.Fallback, r.Host, r.Experiments, r.RequestID = "", false, false, "shop.example.com", "", "8a3c60f7a1bd2e940c55d1fe77a90b12"
	var buf bytes.Buffer
	log := zerolog.New(&buf)
	b.Run("case=zerolog", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf.Reset()
			plainLine(log, r)
		}
	})
	for name, e := range map[string]encoder{
		"json":     newEncoder(AccessOptions{}, false),
		"json-all": newEncoder(AccessOptions{Fields: AccessFields()}, false),
		"combined": newEncoder(AccessOptions{Format: FormatCombined}, false),
		"journal":  newEncoder(AccessOptions{}, true),
	} {
		var s scratch
		line := e.append(nil, r, &s)
		b.Run("case="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				line = e.append(line[:0], r, &s)
			}
		})
	}
}

// Every byte, at every place of the eight that are looked at together, is plain just if the table says so.
func TestPlainPrefix(t *testing.T) {
	for c := range 256 {
		for at := range 8 {
			text := []byte("abcdefgh")
			text[at] = byte(c)
			want := 0
			if c < utf8.RuneSelf && jsonPlain[c] {
				want = 8
			}
			if got := plainPrefix(string(text)); got != want {
				t.Errorf("%q: got %d, want %d", text, got, want)
			}
		}
	}
}
