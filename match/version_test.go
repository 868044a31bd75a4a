package match

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// plainVersion compares versions by splitting text and big integers: the oracle. ok is false if one is no version.
func plainVersion(a, b string) (c int, ok bool) {
	ac, ap, aok := splitVersion(a)
	bc, bp, bok := splitVersion(b)
	if !aok || !bok {
		return 0, false
	}
	for i := range max(len(ac), len(bc)) {
		x, y := new(big.Int), new(big.Int)
		if i < len(ac) {
			x.SetString(ac[i], 10)
		}
		if i < len(bc) {
			y.SetString(bc[i], 10)
		}
		if c := x.Cmp(y); c != 0 {
			return c, true
		}
	}
	switch {
	case ap == nil && bp == nil:
		return 0, true
	case ap == nil:
		return 1, true
	case bp == nil:
		return -1, true
	}
	for i := range min(len(ap), len(bp)) {
		x, xn := new(big.Int).SetString(ap[i], 10)
		y, yn := new(big.Int).SetString(bp[i], 10)
		xn, yn = xn && ap[i][0] != '-', yn && bp[i][0] != '-' // "-1" is a word
		switch {
		case xn && yn:
			if c := x.Cmp(y); c != 0 {
				return c, true
			}
		case xn:
			return -1, true
		case yn:
			return 1, true
		default:
			if c := strings.Compare(ap[i], bp[i]); c != 0 {
				return c, true
			}
		}
	}
	return min(1, max(-1, len(ap)-len(bp))), true
}

func splitVersion(s string) (core, pre []string, ok bool) {
	only := func(parts []string, chars string) bool {
		for _, p := range parts {
			if p == "" || strings.Trim(p, chars) != "" {
				return false
			}
		}
		return true
	}
	const digits = "0123456789"
	const word = digits + "-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	s, build, hasBuild := strings.Cut(s, "+")
	if hasBuild && !only(strings.Split(build, "."), word) {
		return nil, nil, false
	}
	s, tail, hasPre := strings.Cut(s, "-")
	if hasPre {
		if pre = strings.Split(tail, "."); !only(pre, word) {
			return nil, nil, false
		}
	}
	core = strings.Split(s, ".")
	return core, pre, only(core, digits)
}

func TestVersionOrder(t *testing.T) {
	check := func(a, op, b string) {
		t.Helper()
		x, xok := parseVersion([]byte(a))
		y, yok := parseVersion([]byte(b))
		if !xok || !yok {
			t.Errorf("parseVersion: %q %v, %q %v, want both to be versions", a, xok, b, yok)
			return
		}
		want := map[string]int{"<": -1, "=": 0, ">": 1}[op]
		if got := x.compare(&y); got != want {
			t.Errorf("compare(%q, %q) = %d, want %d", a, b, got, want)
		}
		if got := y.compare(&x); got != -want {
			t.Errorf("compare(%q, %q) = %d, want %d", b, a, got, -want)
		}
	}
	check("17", "=", "17.0")
	check("17", "=", "17.0.0.0")
	check("0", "=", "0.0")
	check("17.10", ">", "17.9")
	check("17.9", "<", "17.10")
	check("9", "<", "10")
	check("120.0.6099.71", ">", "120.0.6099.7")
	check("120.0.6099.71", "<", "120.0.6100")
	check("1.2.3.4.5.6", ">", "1.2.3.4.5")
	check("2024.01.05", "=", "2024.1.5")
	check("99999999999999999999999999", ">", "99999999999999999999999998")
	check("18446744073709551617", ">", "1") // would be 1 in 64 bits
	check("65535.1", "<", "65535.2")
	check("65536.1", ">", "65535.2")
	check("65535.9", "<", "65536")
	check("1.2.3.4.5", "<", "1.2.3.4.6")

	// SemVer 2.0.0 section 11.4, its own example
	check("1.0.0-alpha", "<", "1.0.0-alpha.1")
	check("1.0.0-alpha.1", "<", "1.0.0-alpha.beta")
	check("1.0.0-alpha.beta", "<", "1.0.0-beta")
	check("1.0.0-beta", "<", "1.0.0-beta.2")
	check("1.0.0-beta.2", "<", "1.0.0-beta.11")
	check("1.0.0-beta.11", "<", "1.0.0-rc.1")
	check("1.0.0-rc.1", "<", "1.0.0")
	check("17-beta", "<", "17.0")
	check("17-beta", "=", "17.0.0-beta")
	check("16.9", "<", "17-beta")
	check("1.0-A", "<", "1.0-a")
	check("1.0--1", ">", "1.0-999")
	check("1.0-x-y", "<", "1.0-x-z")

	check("1.0+build.5", "=", "1.0")
	check("1.0+a", "=", "1.0+b")
	check("1.0-rc.1+a", "=", "1.0-rc.1")
	check("1.0+exp-sha.5", "=", "1.0") // the hyphen is part of the build
}

func TestWhatIsNoVersion(t *testing.T) {
	check := func(in string) {
		t.Helper()
		if v, ok := parseVersion([]byte(in)); ok {
			t.Errorf("parseVersion(%q) = %v, want no version", in, v)
		}
	}
	check("")
	check("v17")
	check("V17.0")
	check("17.")
	check(".17")
	check("17..0")
	check(" 17")
	check("17 ")
	check("17.x")
	check("17.0b1")
	check("-1")
	check("+1")
	check("17-")
	check("17-a..b")
	check("17-.a")
	check("17-a.")
	check("17-a_b")
	check("17+")
	check("17+a..b")
	check("17+a+b")
	check("17-a+")
	check("17,0")
	check("١٧") // digits, but not ASCII
	check("latest")
	check(strings.Repeat("1", MaxVersionBytes+1))
	if _, ok := parseVersion([]byte(strings.Repeat("1", MaxVersionBytes))); !ok {
		t.Errorf("a version of %d digits is none, want one", MaxVersionBytes)
	}
}

// versionText draws versions that are close to one another, and some texts that are none.
func versionText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[0-2]{1,2}(\.[01]{1,2}){0,3}`),
		rapid.StringMatching(`[01](\.[01]){0,2}-(a|b|0|1|01|10|-1)(\.(a|A|0|1|10)){0,2}`),
		rapid.StringMatching(`[01](-[ab1])?\+[a-c]{0,2}(\.[0-9])?`),
		rapid.StringMatching(`v?[0-9.+-]{0,6}`),
		rapid.StringMatching(`(65534|65535|65536|99999|0065535|1)(\.(65534|65535|65536|18446744073709551616|2)){0,5}`),
	)
}

func TestVersionEqualsPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := versionText().Draw(t, "a"), versionText().Draw(t, "b")
		x, xok := parseVersion([]byte(a))
		y, yok := parseVersion([]byte(b))
		want, ok := plainVersion(a, b)
		if ok != (xok && yok) {
			t.Fatalf("%q, %q: both versions = %v, want %v", a, b, xok && yok, ok)
		}
		if ok && x.compare(&y) != want {
			t.Fatalf("compare(%q, %q) = %d, want %d", a, b, x.compare(&y), want)
		}
	})
}
