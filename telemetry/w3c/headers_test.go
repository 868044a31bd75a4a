package w3c

import (
	"fmt"
	"strings"
	"testing"
)

// carried is what a request's fields come to: the trace's id ("" if none is taken over) and what is passed on.
type carried struct{ trace, state string }

// TestTraceContext goes through the facts that W3C's own test suite for Trace Context checks (w3c/trace-context, test/test.py), as
// far as they are about the fields' values; white space around them and the names are the codec's affair.
func TestTraceContext(t *testing.T) {
	const (
		trace = "12345678901234567890123456789012"
		good  = "00-" + trace + "-1234567890123456-00"
	)
	var h Headers // one for all rows: what a row leaves must not reach the next
	check := func(name string, parents, states []string, want carried) {
		t.Helper()
		h.Reset()
		for _, p := range parents {
			h.AddTraceparent([]byte(p))
		}
		for _, s := range states {
			h.AddTracestate([]byte(s))
		}
		var got carried
		if p, ok := h.Parent(); ok {
			got.trace = fmt.Sprintf("%x", p.TraceID)
		}
		got.state = string(h.AppendTracestate(nil))
		if got != want {
			t.Errorf("%s: traceparent %q, tracestate %q\n got %+v\nwant %+v", name, parents, states, got, want)
		}
	}
	parent := func(name, value, want string) {
		t.Helper()
		check(name, []string{value}, nil, carried{trace: want})
	}
	state := func(name, want string, lines ...string) {
		t.Helper()
		check(name, []string{good}, lines, carried{trace, want})
	}
	check("both missing", nil, nil, carried{})
	parent("tracestate missing", "00-"+trace+"-1234567890123456-01", trace)
	check("traceparent twice", []string{"00-12345678901234567890123456789011-1234567890123456-01", good}, nil, carried{})
	check("traceparent twice, the first broken", []string{"x", good}, nil, carried{})
	parent("00 with more", good+".", "")
	parent("00 with a part more", good+"-what-the-future-will-be-like", "")
	parent("higher version", "cc"+good[2:], trace)
	parent("higher version with a part more", "cc"+good[2:]+"-what-the-future-will-be-like", trace)
	parent("higher version, nothing after the hyphen", "cc"+good[2:]+"-", trace)
	parent("higher version, no hyphen", "cc"+good[2:]+".what-the-future-will-be-like", "")
	parent("ff", "ff"+good[2:], "")
	parent("version .0", ".0"+good[2:], "")
	parent("version 0.", "0."+good[2:], "")
	parent("version 000", "0"+good, "")
	parent("version 0000", "00"+good, "")
	parent("version 0", good[1:], "")
	parent("trace all zero", "00-00000000000000000000000000000000-1234567890123456-01", "")
	parent("trace .", "00-.2345678901234567890123456789012-1234567890123456-01", "")
	parent("trace . at the end", "00-1234567890123456789012345678901.-1234567890123456-01", "")
	parent("trace too long", "00-"+trace+"3-1234567890123456-01", "")
	parent("trace too short", "00-"+trace[1:]+"-1234567890123456-01", "")
	parent("trace in upper case", "00-ABCDEFABCDEFABCDEFABCDEFABCDEFAB-1234567890123456-01", "")
	parent("parent all zero", "00-"+trace+"-0000000000000000-01", "")
	parent("parent .", "00-"+trace+"-.234567890123456-01", "")
	parent("parent . at the end", "00-"+trace+"-123456789012345.-01", "")
	parent("parent too long", "00-"+trace+"-12345678901234567-01", "")
	parent("parent too short", "00-"+trace+"-123456789012345-01", "")
	parent("flags .0", "00-"+trace+"-1234567890123456-.0", "")
	parent("flags 0.", "00-"+trace+"-1234567890123456-0.", "")
	parent("flags 001", "00-"+trace+"-1234567890123456-001", "")
	parent("flags 1", "00-"+trace+"-1234567890123456-1", "")
	parent("empty", "", "")

	check("tracestate alone", nil, []string{"foo=1"}, carried{})
	check("tracestate with a broken traceparent", []string{good + "."}, []string{"foo=1"}, carried{})
	state("both", "foo=1,bar=2", "foo=1,bar=2")
	state("empty", "", "")
	state("empty, then one", "foo=1", "", "foo=1")
	state("one, then empty", "foo=1", "foo=1", "")
	state("several lines", "foo=1,bar=2,rojo=1,congo=2,baz=3", "foo=1,bar=2", "rojo=1,congo=2", "baz=3")
	state("a key twice", "foo=1", "foo=1,foo=2")
	state("a key twice, on two lines", "foo=1,bar=1", "foo=1", "bar=1,foo=2")
	const keys = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
	values := ""
	for c := byte(0x20); c <= 0x7e; c++ {
		if c != ',' && c != '=' {
			values += string(c)
		}
	}
	state("all characters", keys+"="+values, keys+"="+values)
	state("all characters with a vendor", keys+"@a-z0-9_-*/="+values, keys+"@a-z0-9_-*/="+values)
	state("white space", "foo=1,bar=2,baz=3", "foo=1 \t , \t bar=2, \t baz=3")
	state("white space at the ends", "foo=1", "\t foo=1 \t")
	state("a space within, and before the value", "foo= 1 2", "foo= 1 2 ")
	state("key with a space", "", "foo =1")
	state("key in upper case", "", "FOO=1")
	state("key with a dot", "", "foo.bar=1")
	state("key beginning with @", "", "@foo=1,bar=2")
	state("key with @ where level 1 has none", "foo@=1,foo@@bar=2,a@b@c=3", "foo@=1,foo@@bar=2,a@b@c=3")
	state("no key", "", "=1,bar=2")
	state("no value", "", "foo=,bar=3")
	state("no equals sign", "", "foo,bar=3")
	state("two equals signs", "", "foo=bar=baz")
	state("a control byte", "", "bar=1,foo=a\x01b")
	state("a tab within", "", "foo=a\tb")
	state("a byte above ASCII", "", "foo=\xc3\xa4")
	state("broken later", "", "foo=1", "bar", "baz=1")
	numbered := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("bar%02d=%02d", i+1, i+1)
		}
		return strings.Join(all, ",")
	}
	state("32 members", numbered(32), numbered(32))
	state("33 members", "", numbered(33))
	state("33 members, one a duplicate", "", numbered(32), "bar01=01")
	z := strings.Repeat("z", 256)
	state("key of 256", "foo=1,"+z+"=1", "foo=1", z+"=1")
	state("key of 257", "", "foo=1", "z"+z+"=1")
	state("value of 256", "foo="+z, "foo="+z)
	state("value of 257", "", "foo=z"+z)
}

func TestTracestateIsCutByWholeMembers(t *testing.T) {
	var s Tracestate
	check := func(name, want string, members ...string) {
		t.Helper()
		s.Reset()
		for _, m := range members {
			s.Add([]byte(m))
		}
		if got := string(s.Append(nil)); got != want {
			t.Errorf("%s: members %q\n got %q (%d bytes)\nwant %q", name, members, got, len(got), want)
		}
	}
	member := func(key string, size int) string { return key + "=" + strings.Repeat("v", size-len(key)-1) }
	all := func(members ...string) string { return strings.Join(members, ",") }
	long, short, half := member("long", 129), member("short", 100), member("half", 255)
	check("512", all(half, member("other", 256)), half, member("other", 256))
	check("513: the last of the long ones goes", half, half, member("other", 257))
	check("a long one before short ones", all(short, member("a", 128), member("b", 128), member("c", 100)),
		long, short, member("a", 128), member("b", 128), member("c", 100))
	check("no more long ones than needed", all(long, short), long, member(strings.Repeat("b", 200), 400), short)
	check("short ones from the end", all(member("a", 128), member("b", 128), member("c", 128)),
		member("a", 128), member("b", 128), member("c", 128), member("d", 128), member("e", 100))
	check("one that is longer than all that is kept", "", member(strings.Repeat("k", 256), 513))
}

func TestBaggage(t *testing.T) {
	var g Baggage
	check := func(name, want string, lines ...string) {
		t.Helper()
		g.Reset()
		for _, l := range lines {
			g.Add([]byte(l))
		}
		if got := string(g.Append(nil)); got != want || (g.Len() > 0) != (want != "") {
			t.Errorf("%s: lines %.200q\n got %.200q (%d bytes, %d members)\nwant %.200q (%d bytes)", name, lines, got, len(got), g.Len(), want, len(want))
		}
	}
	// From the specification's examples.
	check("simple", "userId=alice,serverNode=DF%2028,isProduction=false", "userId=alice,serverNode=DF%2028,isProduction=false")
	check("properties", "key1=value1;property1;property2,key2 = value2,key3=value3; propertyKey=propertyValue",
		"key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue")
	check("two lines", "userId=alice,serverNode=DF%2028,isProduction=false", "userId=alice", "serverNode=DF%2028, isProduction=false")
	check("equals signs in a value", "a==b=,c=1", "a==b=,c=1")
	check("an empty value", "a=,b=2", "a=,b=2")
	check("a name twice stays", "a=1,a=2", "a=1,a=2")
	check("empty members", "a=1,b=2", ",a=1,, b=2 ,")
	check("nothing", "", "", " ,")
	check("all marks", "!#$%&'*+-.^_`|~=1", "!#$%&'*+-.^_`|~=1")
	check("no value", "", "a=1,b")
	check("no name", "", "=1")
	check("a space in a name", "", "a b=1")
	check("a space in a value", "", "a=b c")
	check("a quotation mark", "", `a="1"`)
	check("a backslash", "", `a=\1`)
	check("a byte above ASCII", "", "a=\xc3\xa4")
	check("a control byte", "", "a=\x7f")
	check("an empty property", "", "a=1;")
	check("a property's value broken", "", "a=1;p=\"")
	check("broken later", "", "a=1", "b", "c=1")

	many := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf("k%d=v", i)
		}
		return strings.Join(all, ",")
	}
	check("64 members", many(64), many(64))
	check("65 members", many(64), many(64), "one=more")
	check("65 members, the last broken", "", many(64), "one")
	big := "a=" + strings.Repeat("v", 8190)
	check("8192 bytes", big, big)
	check("8193 bytes", "", big+"v")
	check("8192 bytes in two", "b=1,"+big[:8188], "b=1,"+big[:8188])
	check("8193 bytes in two: a beginning", "b=1", "b=1,"+big[:8189], "c=1")
}

func TestTraceparentIsWritten(t *testing.T) {
	row := func(in, want string) {
		t.Helper()
		p, ok := ParseTraceparent([]byte(in))
		if got := string(p.Append(nil)); !ok || got != want {
			t.Errorf("%q, valid %v\n got %q\nwant %q", in, ok, got, want)
		}
		if sampled := want[len(want)-1]&1 != 0; p.Sampled() != sampled {
			t.Errorf("%q: sampled %v, want %v", in, p.Sampled(), sampled)
		}
	}
	const ids = "-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"
	row("00"+ids+"00", "00"+ids+"00")
	row("00"+ids+"01", "00"+ids+"01")
	row("00"+ids+"03", "00"+ids+"03")
	row("00"+ids+"ff", "00"+ids+"03")
	row("00"+ids+"fc", "00"+ids+"00")
	row("01"+ids+"01", "00"+ids+"01")
	row("fe"+ids+"09-more", "00"+ids+"01")
}

func TestNothingIsAllocated(t *testing.T) {
	var h Headers
	parent := []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	state, baggage := []byte("rojo=00f067aa0ba902b7, congo=t61rcWkgMzE"), []byte("userId=alice;p, serverNode=DF%2028")
	out := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		h.Reset()
		h.AddTraceparent(parent)
		h.AddTracestate(state)
		h.Baggage.Add(baggage)
		p, _ := h.Parent()
		out = p.Append(out[:0])
		out = h.AppendTracestate(out)
		out = h.Baggage.Append(out)
	}); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
	if want := string(parent) + "rojo=00f067aa0ba902b7,congo=t61rcWkgMzEuserId=alice;p,serverNode=DF%2028"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func BenchmarkHeaders(b *testing.B) {
	var h Headers
	parent := []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	state, baggage := []byte("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"), []byte("userId=alice,serverNode=DF%2028")
	out := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		h.Reset()
		h.AddTraceparent(parent)
		h.AddTracestate(state)
		h.Baggage.Add(baggage)
		p, _ := h.Parent()
		out = h.Baggage.Append(h.AppendTracestate(p.Append(out[:0])))
	}
}
