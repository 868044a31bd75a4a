package w3c

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// The plain versions: the specifications' grammars as regular expressions.
var (
	plainParent  = regexp.MustCompile(`^(?s:([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?)$`)
	plainState   = regexp.MustCompile(`^([a-z0-9][a-z0-9_*/@-]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$`)
	plainBaggage = func() *regexp.Regexp {
		const (
			token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
			value = `[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*`
			ows   = `[ \t]*`
			pair  = token + ows + "=" + ows + value
		)
		return regexp.MustCompile("^" + pair + "(" + ows + ";" + ows + "(" + pair + "|" + token + ")" + ")*$")
	}()
)

// elements are the members of a list that are not empty.
func elements(lines [][]byte) []string {
	var all []string
	for _, line := range lines {
		for _, text := range strings.Split(string(line), ",") {
			if text = strings.Trim(text, " \t"); text != "" {
				all = append(all, text)
			}
		}
	}
	return all
}

func FuzzTraceparent(f *testing.F) {
	for _, seed := range []string{
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-x\n",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		p, ok := ParseTraceparent(in)
		m := plainParent.FindSubmatch(in)
		want := m != nil && string(m[1]) != "ff" && (string(m[1]) != "00" || m[5] == nil) &&
			strings.Trim(string(m[2]), "0") != "" && strings.Trim(string(m[3]), "0") != ""
		if ok != want {
			t.Fatalf("%q: valid %v, want %v", in, ok, want)
		}
		if !bytes.Equal(in, before) {
			t.Fatalf("%q was changed to %q", before, in)
		}
		if !ok {
			if p != (Traceparent{}) {
				t.Fatalf("%q is invalid, got %+v", in, p)
			}
			return
		}
		out := p.Append(nil)
		if !bytes.Equal(out[2:53], in[2:53]) || string(out[:2]) != "00" {
			t.Fatalf("%q is written as %q", in, out)
		}
		again, ok := ParseTraceparent(out)
		if p.Flags &= Sampled | Random; !ok || again != p {
			t.Fatalf("%q, read again: got %+v (%v), want %+v", out, again, ok, p)
		}
	})
}

func FuzzTracestate(f *testing.F) {
	for _, seed := range []string{
		"foo=1,bar=2", " a@b= x y ,,c=~\nfoo=2", "foo=" + strings.Repeat("v", 200) + ",bar=" + strings.Repeat("w", 256) + ",baz=" + strings.Repeat("x", 100),
		strings.Repeat("a=1,", 40), "A=1", "a==",
	} {
		f.Add([]byte(seed))
	}
	var s Tracestate
	f.Fuzz(func(t *testing.T, in []byte) {
		lines := bytes.Split(in, []byte{'\n'})
		s.Reset()
		for _, l := range lines {
			s.Add(l)
		}
		var want []string
		seen := map[string]bool{}
		came := elements(lines)
		valid := len(came) <= 32
		for _, text := range came {
			m := plainState.FindStringSubmatch(text)
			if m == nil {
				valid = false
				break
			}
			if !seen[m[1]] {
				seen[m[1]] = true
				want = append(want, text)
			}
		}
		if !valid {
			want = nil
		}
		for _, over := range []int{128, 0} {
			for i := len(want) - 1; i >= 0 && len(strings.Join(want, ",")) > 512; i-- {
				if len(want[i]) > over {
					want = append(want[:i:i], want[i+1:]...)
				}
			}
		}
		got := s.Append([]byte("before"))
		if string(got) != "before"+strings.Join(want, ",") {
			t.Fatalf("%q\n got %q\nwant %q after \"before\"", in, got, strings.Join(want, ","))
		}
		var again Tracestate
		again.Add(got[len("before"):])
		if twice := again.Append(nil); !bytes.Equal(twice, got[len("before"):]) {
			t.Fatalf("%q, read again: got %q", got[len("before"):], twice)
		}
	})
}

func FuzzBaggage(f *testing.F) {
	for _, seed := range []string{
		"a=1,b=2", "a = 1 ; p ; q = r\nb=2", strings.Repeat("a=1,", 70), "a=" + strings.Repeat("v", 8000) + ",b=" + strings.Repeat("v", 300), "a=\"", "a=1;;",
	} {
		f.Add([]byte(seed))
	}
	var g Baggage
	f.Fuzz(func(t *testing.T, in []byte) {
		lines := bytes.Split(in, []byte{'\n'})
		g.Reset()
		for _, l := range lines {
			g.Add(l)
		}
		var want []string
		full := false
		for _, text := range elements(lines) {
			if !plainBaggage.MatchString(text) {
				want = nil
				break
			}
			more := append(want[:len(want):len(want)], text)
			if full = full || len(more) > 64 || len(strings.Join(more, ",")) > 8192; !full {
				want = more
			}
		}
		got := g.Append([]byte("before"))
		if string(got) != "before"+strings.Join(want, ",") {
			t.Fatalf("%q\n got %q\nwant %q after \"before\"", in, got, strings.Join(want, ","))
		}
	})
}
