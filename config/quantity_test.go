package config

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParsePercent(t *testing.T) {
	ok := func(in string, want uint32) {
		t.Helper()
		if got, p := parsePercent(in); p != nil || got != want {
			t.Errorf("parsePercent(%q) = %d, %v, want %d", in, got, p, want)
		}
	}
	ok("0", 0)
	ok("0.0", 0)
	ok("0.0001", 1)
	ok("0.00010000", 1)
	ok("0.07", 700) // 0.07 × 10,000 is 700.0000000000001 in binary floating point
	ok("1.1", 11_000)
	ok("33.3333", 333_333)
	ok("99.9999", 999_999)
	ok("100", 1_000_000)
	ok("100.0000", 1_000_000)

	bad := func(in string) {
		t.Helper()
		if got, p := parsePercent(in); p == nil {
			t.Errorf("parsePercent(%q) = %d, want a problem", in, got)
		}
	}
	for _, in := range []string{
		"", ".", "5.", ".5", "05", "00", "+5", "-0", "1e1", "5%", " 5", "5 ", "0x5", "1_0", "٥", "100.0001", "101",
		"0.00001", "4294967396", "18446744073709551616", "1" + strings.Repeat("0", 400), "NaN",
	} {
		bad(in)
	}
}

// TestPercentIsExact compares with rational arithmetic, for any decimal text.
func TestPercentIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringMatching(`(0|[1-9][0-9]{0,2})(\.[0-9]{1,7})?`).Draw(t, "percent")
		value, _ := new(big.Rat).SetString(in)
		ppm := value.Mul(value, big.NewRat(ppmPerPercent, 1))
		valid := ppm.IsInt() && ppm.Cmp(big.NewRat(1_000_000, 1)) <= 0
		got, p := parsePercent(in)
		if valid != (p == nil) || valid && ppm.Cmp(big.NewRat(int64(got), 1)) != 0 {
			t.Fatalf("parsePercent(%q) = %d, %v, want %v ppm", in, got, p, ppm)
		}
	})
}

func TestQuantitiesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ppm := rapid.Uint32Range(0, 1_000_000).Draw(t, "ppm")
		if got, p := parsePercent(formatPercent(ppm)); p != nil || got != ppm {
			t.Fatalf("%d ppm is %q, read back as %d, %v", ppm, formatPercent(ppm), got, p)
		}
		size := rapid.Int64Range(0, 1<<62).Draw(t, "size")
		if rapid.Bool().Draw(t, "round") {
			size = size >> 40 << rapid.SampledFrom([]int{0, 10, 20, 30}).Draw(t, "shift")
		}
		if got, p := parseSize(formatSize(size)); p != nil || got != size {
			t.Fatalf("%d bytes are %q, read back as %d, %v", size, formatSize(size), got, p)
		}
		d := time.Duration(rapid.Int64Range(0, int64(MaxTimeout)).Draw(t, "duration"))
		if rapid.Bool().Draw(t, "round") {
			d = d.Truncate(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, "unit"))
		}
		if got, p := parseDuration(formatDuration(d)); p != nil || got != d {
			t.Fatalf("%d ns are %q, read back as %d, %v", d, formatDuration(d), got, p)
		}
	})
}

func TestFormat(t *testing.T) {
	row := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	row(formatPercent(0), "0")
	row(formatPercent(1), "0.0001")
	row(formatPercent(125_000), "12.5")
	row(formatPercent(1_000_000), "100")
	row(formatSize(0), "0")
	row(formatSize(1000), "1KB")
	row(formatSize(1024), "1KiB")
	row(formatSize(1025), "1025")
	row(formatSize(32<<10), "32KiB")
	row(formatSize(10_000_000), "10MB")
	row(formatDuration(75*time.Second), "75s")
	row(formatDuration(60*time.Second), "60s")
	row(formatDuration(5*time.Minute), "5m")
	row(formatDuration(time.Hour), "1h")
	row(formatDuration(1500*time.Millisecond), "1500ms")
	row(formatDuration(1500*time.Microsecond), "1.5ms")
}

func TestParseSize(t *testing.T) {
	ok := func(in string, want int64) {
		t.Helper()
		if got, p := parseSize(in); p != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", in, got, p, want)
		}
	}
	ok("0", 0)
	ok("512", 512)
	ok("512B", 512)
	ok("32KiB", 32768)
	ok("10MB", 10_000_000)
	ok("8GiB", 8<<30)
	ok("9223372036854775807", 1<<63-1)
	for _, in := range []string{"", "B", "KiB", "1.5MiB", "-1", "+1", "01", "32kb", "32K", "32 KiB", "1TiB", "9223372036854775808", "9007199254740992KiB", "1e3", "0x10"} {
		if got, p := parseSize(in); p == nil {
			t.Errorf("parseSize(%q) = %d, want a problem", in, got)
		}
	}
}

// TestNearest compares the distance with its definition, and the choice with what a person would say.
func TestNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.SampledFrom([]rune("abB")), 0, 5, -1)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if got, want := distance(a, b), plainDistance(strings.ToLower(a), strings.ToLower(b)); got != want {
			t.Fatalf("distance(%q, %q) = %d, want %d", a, b, got, want)
		}
	})
	row := func(name, want string, known ...string) {
		t.Helper()
		g := guesser{100}
		if got := g.nearest(name, known); got != want {
			t.Errorf("nearest(%q, %q) = %q, want %q", name, known, got, want)
		}
	}
	row("adress", "address", "port", "address")
	row("ADDRESS", "address", "address")
	row("hots", "host", "rest", "host")
	row("grey", "gray", "gray")
	row("ab", "", "ac")
	row("blue", "", "gray", "stable")
	row("abcd", "", "abef")
	row(strings.Repeat("x", 1000), "", strings.Repeat("x", 1001))
	spent := guesser{}
	if got := spent.nearest("adress", []string{"address"}); got != "" {
		t.Errorf("a guesser without budget guesses %q", got)
	}
}

// plainDistance is optimal string alignment by its recursive definition.
func plainDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	m, n := len(a), len(b)
	cost := 1
	if a[m-1] == b[n-1] {
		cost = 0
	}
	d := min(plainDistance(a[:m-1], b)+1, plainDistance(a, b[:n-1])+1, plainDistance(a[:m-1], b[:n-1])+cost)
	if m > 1 && n > 1 && a[m-1] == b[n-2] && a[m-2] == b[n-1] {
		d = min(d, plainDistance(a[:m-2], b[:n-2])+1)
	}
	return d
}

func TestExcerpt(t *testing.T) {
	row := func(line string, col int, want string, wantCol int) {
		t.Helper()
		if got, gotCol := excerpt(line, col); got != want || gotCol != wantCol {
			t.Errorf("excerpt(%.40q, %d) = %q, %d, want %q, %d", line, col, got, gotCol, want, wantCol)
		}
	}
	row("loops: x", 8, "loops: x", 8)
	row("    loops: x", 12, "loops: x", 8)
	row("  é\tü: x", 4, "é ü: x", 2)
	row("a\x1b[2Jb", 2, "a\ufffd[2Jb", 2)
	row("loops:", 7, "loops:", 7)
	row("loops:", 70, "loops:", 7)
	row("", 1, "", 1)
	long := strings.Repeat("a", 500) + "!" + strings.Repeat("b", 500)
	row(long, 501, "…"+strings.Repeat("a", 60)+"!"+strings.Repeat("b", 59)+"…", 62)
	row(long, 1, strings.Repeat("a", 120)+"…", 1)
}

func TestErrorsPrintsTwenty(t *testing.T) {
	var es Errors
	for i := range 22 {
		es = append(es, Error{File: "f", Line: 22 - i, Col: 1, What: fmt.Sprint("mistake ", 22-i), Fix: "mend it"})
	}
	es = append(es, es[3])
	got := es.sorted()
	if len(got) != 22 {
		t.Errorf("%d errors, want 22: the one told twice once", len(got))
	}
	lines := strings.Split(got.Error(), "\n")
	if len(lines) != 21 || lines[0] != "f:1:1: mistake 1; mend it" || lines[20] != "f: and 2 more errors" {
		t.Errorf("got\n%s", got)
	}
	if got := got[:21].Error(); !strings.HasSuffix(got, "\nf: and 1 more error") {
		t.Errorf("got\n%s", got)
	}
}
