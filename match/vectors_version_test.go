package match

import (
	"fmt"
	"strings"
	"testing"
)

// The files vectors_*_test.go hold what public specifications and the test suites of other projects say about conditions,
// in our own words and examples: Semantic Versioning 2.0.0, npm's node-semver, Unleash's client specification, GrowthBook's
// cases, OpenFeature's flagd, LaunchDarkly's contract tests. First what is the same, then what differs, and why.

// askVersion decides a condition for a version, "" for none.
func askVersion(t *testing.T, version, when string) kleene {
	t.Helper()
	return valueOf(t, shopSchema(t), when, request{fields: []string{"X-App-Version: " + version}})
}

// TestVectorsVersionPrecedence: each version of a row is lower than all behind it, and no other comparison says otherwise.
// The order is section 11 of Semantic Versioning, and all of the projects have it.
func TestVectorsVersionPrecedence(t *testing.T) {
	s := shopSchema(t)
	holds := map[string][3]bool{ // for lower, equal, greater
		"==": {false, true, false}, "!=": {true, false, true}, "<": {true, false, false},
		"<=": {true, true, false}, ">": {false, false, true}, ">=": {false, true, true},
	}
	row := func(ascending ...string) {
		t.Helper()
		for i, v := range ascending {
			for j, w := range ascending {
				order := 1 + max(-1, min(1, i-j))
				for op, want := range holds {
					when := fmt.Sprintf("version %s '%s'", op, w)
					got := valueOf(t, s, when, request{fields: []string{"X-App-Version: " + v}})
					if (got == isTrue) != want[order] || got == unknown {
						t.Errorf("%s with version %s is %v, want %v", when, v, got, want[order])
					}
				}
			}
		}
	}
	row("3.4.5", "3.4.6", "3.5.0", "4.0.0")
	row("0.8.9", "0.8.10", "0.11.0", "1.0.0", "9.0.0", "10.0.0", "99999.0.0", "100000.0.0") // by number, never by text
	// from the first pre-release to the release
	row("3.0.0-alpha", "3.0.0-alpha.1", "3.0.0-alpha.x", "3.0.0-beta", "3.0.0-beta.2", "3.0.0-beta.12", "3.0.0-rc.1", "3.0.0", "3.0.1-0")
	row("1.4.0-0", "1.4.0-7", "1.4.0-12", "1.4.0-7a", "1.4.0-a") // numbers below words, and by number
	row("1.4.0-x.7", "1.4.0-x.40", "1.4.0-x.y", "1.4.0-x.y.z")   // identifier by identifier; fewer are lower
	row("1.4.0-b100", "1.4.0-b20", "1.4.0-b3")                   // a word with digits is a word: by text
	row("1.4.0-RC", "1.4.0-Rc", "1.4.0-rc")                      // by ASCII: capitals first
	row("1.4.0-8", "1.4.0--", "1.4.0--8", "1.4.0-8-x")           // a hyphen makes a word
	row("1.4.0-1.0.0", "1.4.0-1.0.0.0", "1.4.0-1.0.1")           // the pre-release's zeros are no missing parts
}

// TestVectorsVersionEquality: what has no influence on precedence.
func TestVectorsVersionEquality(t *testing.T) {
	row := func(version, other string, want kleene) {
		t.Helper()
		if got := askVersion(t, version, fmt.Sprintf("version == '%s'", other)); got != want {
			t.Errorf("%s == %s is %v, want %v", version, other, got, want)
		}
	}
	// the same everywhere: build metadata does not count
	row("5.6.7+linux.4", "5.6.7", isTrue)
	row("5.6.7-rc.1+a", "5.6.7-rc.1+b", isTrue)
	row("5.6.7-rc.1", "5.6.7", isFalse)
	// as flagd and LaunchDarkly: parts left out are 0
	row("5", "5.0.0", isTrue)
	row("5.6", "5.6.0", isTrue)
	row("5-rc", "5.0.0-rc", isTrue)
	// ours: any number of parts (flagd knows no order for four), and leading zeros (npm refuses them), for app and browser
	// versions and those by date
	row("120.0.6099.71", "120.0.6099.71", isTrue)
	row("5.6.7.0.0", "5.6.7", isTrue)
	row("2026.01.05", "2026.1.5", isTrue)
	// ours: numbers of any length, where npm ends at 2^53
	row("90071992547409931.0.0", "90071992547409932.0.0", isFalse)
	// ours: a leading v is no version, and so unknown, where npm, GrowthBook and flagd leave it out
	row("v5.6.7", "5.6.7", unknown)
	row("V5.6.7", "5.6.7", unknown)
	// ours: only dots part numbers; GrowthBook reads 5-6-7 as 5.6.7, and 5.6.7.8 as 5.6.7-8
	row("5-6-7", "5.6.7", isFalse)
	row("5.6.7.8", "5.6.7-8", isFalse)
	// ours: what is no version is unknown, neither equal nor different; GrowthBook orders it as text
	for _, none := range []string{"latest", "5.", ".5", "5..6", "5.6.7-", "5.6.7+", "5.x", "5.6.7-a..b", "5.6.7-ä", "-5", "5 6", ""} {
		row(none, "5.6.7", unknown)
		if got := askVersion(t, none, "version != '5.6.7'"); got != unknown {
			t.Errorf("version %q != 5.6.7 is %v, want unknown", none, got)
		}
	}
}

// TestVectorsVersionRanges: the constraints of matches_version.
func TestVectorsVersionRanges(t *testing.T) {
	row := func(constraint, in, out string) {
		t.Helper()
		when := fmt.Sprintf("matches_version(version, '%s')", constraint)
		for _, v := range strings.Fields(in) {
			if got := askVersion(t, v, when); got != isTrue {
				t.Errorf("%s with version %s is %v, want true", when, v, got)
			}
		}
		for _, v := range strings.Fields(out) {
			if got := askVersion(t, v, when); got != isFalse {
				t.Errorf("%s with version %s is %v, want false", when, v, got)
			}
		}
	}
	// as npm
	row("4.5.6", "4.5.6 4.5.6+b", "4.5.7 4.5.6-rc")
	row("=4.5.6", "4.5.6", "4.5.5 4.5.7")
	row(">4.5.6", "4.5.7 4.6.0 5.0.0", "4.5.6 4.5.5 3.9.9")
	row(">= 4.5.6", "4.5.6 4.5.7", "4.5.5")
	row("<4.5.6", "4.5.5 0.0.1 3.99999.99999", "4.5.6 4.5.7")
	row("<=\t4.5.6", "4.5.6 0.0.1", "4.5.7 5.0.0")
	row(">=2.3.0 <2.6.0", "2.3.0 2.5.99", "2.2.9 2.6.0")
	row("2.1.7 || 2.3.9 || >=4", "2.1.7 2.3.9 4.0.0 7.7.7", "2.1.8 2.2.0 3.9.9")
	row(">=2.4||<0.3", "0.0.0 0.2.9 2.4.0", "0.3.0 1.0.0 2.3.9")
	row("^3.4.5", "3.4.5 3.99.0", "3.4.4 4.0.0 4.0.0-alpha 3.4.5-rc")
	row("^3.4", "3.4.0 3.9.9", "3.3.9 4.0.0")
	row("^3", "3.0.0 3.9.9", "2.9.9 4.0.0")
	row("^0.4.5", "0.4.5 0.4.9", "0.4.4 0.5.0 0.5.0-a 1.0.0")
	row("^0.0.5", "0.0.5", "0.0.4 0.0.6 0.0.6-a 0.1.0")
	row("^0.4", "0.4.0 0.4.9", "0.5.0 0.3.9")
	row("^0.0", "0.0.0 0.0.9", "0.1.0")
	row("^0", "0.0.0 0.9.9", "1.0.0")
	row("^3.4.5-beta.2", "3.4.5-beta.2 3.4.5-rc 3.4.5 3.9.0", "3.4.5-beta.1 3.4.5-alpha 4.0.0")
	row("^3.4.5+b", "3.4.5 3.5.0", "3.4.4 4.0.0")
	row("~3.4.5", "3.4.5 3.4.99", "3.4.4 3.5.0 3.5.0-a")
	row("~ 3.4", "3.4.0 3.4.9", "3.3.9 3.5.0")
	row("~3", "3.0.0 3.9.9", "2.9.9 4.0.0")
	row("~0.0.5", "0.0.5 0.0.6", "0.1.0 0.1.0-a")
	row("~3.4.5 >=3.4.7", "3.4.7 3.4.8", "3.4.6 3.5.0")
	row("3.4.x", "3.4.0 3.4.9", "3.3.9 3.5.0")
	row("3.*", "3.0.0 3.9.9", "2.9.9 4.0.0")
	row("3.X.x || =5.1.*", "3.9.9 5.1.7", "4.0.0 5.2.0")
	row("^3.x", "3.0.0 3.9.9", "2.9.9 4.0.0 4.0.0-a")
	row("^0.x", "0.0.0 0.9.9", "1.0.0")
	row("^0.0.x", "0.0.0 0.0.9", "0.1.0")
	row("^3.4.*", "3.4.0 3.9.9", "3.3.9 4.0.0")
	row("~3.x", "3.0.0 3.9.9", "2.9.9 4.0.0")
	row("~3.4.x", "3.4.0 3.4.9", "3.3.9 3.5.0")
	row(">=3.x", "3.0.0 4.0.0", "2.9.9")
	row(">=3.4.x <5.X", "3.4.0 4.9.9", "3.3.9 5.0.0")
	// Ours: a comparator speaks of one version, 1.2 is 1.2.0. To npm 1.2 is 1.2.x, >1.2 begins at 1.3.0 and <=1.2 ends there.
	row("4.5", "4.5 4.5.0", "4.5.1")
	row(">4.5", "4.5.1", "4.5.0")
	row("<=4.5", "4.5.0 4.4.9", "4.5.1")
	// Ours: a pre-release is a version like others, in its place. npm takes it only where a comparator has one of the same
	// version, so that nobody installs one by mistake; here it is the client that runs it.
	row(">=4.5.6", "4.6.0-rc 5.0.0-alpha", "4.5.6-rc")
	row("<4.5.6", "4.5.6-rc 4.5.0-a", "")
	row("^3.4.5", "3.5.0-beta 3.4.6-0", "")
	row("3.4.x", "3.4.1-rc", "3.4.0-rc 3.5.0-rc")
	// ours: commas, !=, more than three parts, leading zeros
	row(">=4.5, <4.7, !=4.6.1", "4.5.0 4.6.0 4.6.9", "4.6.1 4.7.0")
	row("^120.0.6099.71", "120.0.6099.71 120.0.6099.200 120.7", "120.0.6099.70 121")
	row("~120.0.6099.71", "120.0.6100", "120.1 120.0.6099.70")
	row("^2026.01", "2026.1.5 2026.12", "2025.12 2027")
}

// TestVectorsVersionRangesRefused: forms of other projects that we do not have are mistakes of the config, never false.
func TestVectorsVersionRangesRefused(t *testing.T) {
	s := shopSchema(t)
	row := func(constraint, want string) {
		t.Helper()
		_, errs := CompileRules(s, []Rule{{Name: "r", When: fmt.Sprintf("matches_version(version, '%s')", constraint)}})
		if len(errs) != 1 || errs[0].What+"; "+errs[0].Fix != want {
			t.Errorf("%q\n got %v\nwant %s", constraint, errs, want)
		}
	}
	const operators, example = "; known are = != > >= < <= ~ ^ and ||", "write it like '^17.2 || >=18'"
	none := func(token string) string { return "`" + token + "` is no version constraint; " + example + operators }
	row("4.0.0 - 5.0.0", none("-"))
	row("v4.5", "`v4.5` is no version constraint; leave out the leading v")
	row("^V4.5", "`^V4.5` is no version constraint; leave out the leading v")
	row("*", none("*"))
	row("x.1", none("x.1"))
	row("4.x.5", none("4.x.5"))
	row("4.xx", none("4.xx"))
	row("4.x.", none("4.x."))
	row("4.*x", none("4.*x"))
	row("4.5.x-beta", none("4.5.x-beta"))
	row(">4.x", none(">4.x"))
	row("<=4.*", none("<=4.*"))
	row("!=4.x", none("!=4.x"))
	row("^4.x.5", none("^4.x.5"))
	row("4.5.6 || latest", none("latest"))
	row("4.5.6.x", "`4.5.6.x` has a wildcard behind the third part; write the bounds with >= and <")
	row("~>4.5", "`~>` is no operator of version constraints; use = != > >= < <= ~ ^")
	row("", "a constraint without a version; "+example)
	row("4 ||", "a constraint without a version; "+example)
	row("^18446744073709551615", "`^18446744073709551615` has a part that is too large to count up; write the bounds with >= and <")
}
