package match

import (
	"fmt"
	"testing"
)

// askOS decides a condition for a value of os; "" is none.
func askOS(t *testing.T, os, when string) kleene {
	t.Helper()
	return valueOf(t, wideSchema(t), when, request{fields: []string{"X-OS: " + os}})
}

// TestVectorsTextOperators: contains, startsWith, endsWith and lists, as Unleash, flagd, LaunchDarkly have them.
func TestVectorsTextOperators(t *testing.T) {
	row := func(value, when string, want kleene) {
		t.Helper()
		if got := askOS(t, value, when); got != want {
			t.Errorf("%s with os %q is %v, want %v", when, value, got, want)
		}
	}
	row("mail@shop.example", "os startsWith 'mail'", isTrue)
	row("email@shop.example", "os startsWith 'mail'", isFalse)
	row("mail@shop.example", "os endsWith 'shop.example'", isTrue)
	row("mail@shop.example.org", "os endsWith 'shop.example'", isFalse)
	row("mail@shop.example", "os contains '@shop.'", isTrue)
	row("mail@shop.example", "os contains 'shopexample'", isFalse)
	row("shop", "os startsWith 'shop' and os endsWith 'shop' and os contains 'shop' and os == 'shop'", isTrue)
	row("sho", "os startsWith 'shop' or os endsWith 'shop' or os contains 'shop'", isFalse) // shorter than what is looked for
	row("7", "os startsWith '7'", isTrue)                                                   // digits are text in a text
	// several values: Unleash lists them, we join by or
	row("b-two", "os startsWith 'a-' or os startsWith 'b-'", isTrue)
	row("c-a-b-", "os startsWith 'a-' or os startsWith 'b-'", isFalse)
	// in, not in
	row("two", "os in ['one', 'two']", isTrue)
	row("three", "os in ['one', 'two']", isFalse)
	row("three", "os not in ['one', 'two']", isTrue)
	row("tw", "os in ['one', 'two']", isFalse)
	row("one", "os in []", isFalse)
	row("one", "os not in []", isTrue)
	// the inverse of a condition, as Unleash's `inverted`
	row("mail@other.example", "not (os contains 'shop')", isTrue)
	row("mail@shop.example", "os not contains 'shop'", isFalse)
	// letters: exact, as in all of them; where they have a switch we have lower()
	row("SHOP", "os startsWith 'shop'", isFalse)
	row("ShOp@x", "lower(os) startsWith 'shop'", isTrue)
	row("x@ÜBER.example", "lower(os) endsWith 'über.example'", isTrue)
	row("u\u0308ber", "os == 'über'", isFalse) // composed and not: bytes, no normal form
	// bytes of any kind are taken as they are
	row("日本語", "os contains '本'", isTrue)
	row("a\xffb", "os startsWith 'a' and os endsWith 'b'", isTrue)
	row("a'b", `os == "a'b"`, isTrue)
	row(`a\b`, `os == 'a\\b'`, isTrue)
}

// TestVectorsMissing: the projects answer false for what is missing, and true for its inverse; here both are unknown, so
// that a rule for "all but ios" does not take the requests that say nothing. has() gives the other reading.
func TestVectorsMissing(t *testing.T) {
	row := func(when string, want kleene) {
		t.Helper()
		if got := askOS(t, "", when); got != want {
			t.Errorf("%s with nothing is %v, want %v", when, got, want)
		}
	}
	for _, test := range []string{"os == 'a'", "os in ['a']", "os startsWith 'a'", "os endsWith 'a'", "os contains 'a'", "os matches 'a'",
		"version == '1'", "matches_version(version, '^1')", "age > 1", "age in 1..2", "score <= 1", "cidr(device, '::/0')", "'a' in groups", "beta",
		"bucket(userid, 'rule:r') < 1000000", "os == country"} {
		row(test, unknown)
		row("not ("+test+")", unknown)
		row("has(tag) and ("+test+")", isFalse)
	}
	row("os not in ['a']", unknown)                  // Unleash: true
	row("!has(os) or os not in ['a']", isTrue)       // the same as Unleash's
	row("os in []", unknown)                         // Unleash: false
	row("not has(os)", isTrue)                       // GrowthBook's $exists: false
	row("has(os) or has(version)", isFalse)          // $exists: true
	row("(has(os) ? os : 'none') == 'none'", isTrue) // a default
}

// TestVectorsPatterns: regular expressions of RE2, as Unleash asks for.
func TestVectorsPatterns(t *testing.T) {
	row := func(pattern, in, out string) {
		t.Helper()
		when := fmt.Sprintf("os matches %q", pattern)
		if got := askOS(t, in, when); got != isTrue {
			t.Errorf("%s with os %q is %v, want true", when, in, got)
		}
		if got := askOS(t, out, when); got != isFalse {
			t.Errorf("%s with os %q is %v, want false", when, out, got)
		}
	}
	row("dog", "hotdog stand", "do g")       // anywhere
	row("^dog$", "dog", "hotdog")            // anchored
	row("^dog$", "dog", "DOG")               // exact letters
	row("^(?i)dog$", "DoG", "xDoG")          // or any, from here
	row(`^[^@]+@[^@]+$`, "a@b", "a@b@c")     // classes
	row(`^id\d{4}$`, "id2026", "id26")       // Perl's classes, counts
	row("^[[:digit:]]+$", "2026", "20x6")    // POSIX classes
	row(`\bdog\b`, "a dog barks", "dogma")   // word boundaries
	row("^(?:ab|a)(?:c)?$", "ac", "abb")     // alternatives, optional
	row("^b{2,3}$", "bbb", "bbbb")           // bounds
	row("^a.*?z$", "a_z_z", "a_z_y")         // lazy
	row("^x|y$", "why", "yes")               // the bar binds weakest
	row(`^\p{Lu}\p{Greek}$`, "Aλ", "aλ")     // Unicode's classes
	row("-12-24$", "1980-12-24", "12-24-01") // a date's end, as in GrowthBook
	row("^$|^a", "abc", "bc")

	refused := func(pattern, want string) {
		t.Helper()
		_, errs := CompileRules(wideSchema(t), []Rule{{Name: "r", When: fmt.Sprintf("os matches %q", pattern)}})
		if len(errs) != 1 || errs[0].What != "the pattern is wrong: "+want {
			t.Errorf("%s\n got %v\nwant %s", pattern, errs, want)
		}
	}
	// Unleash and GrowthBook take a wrong pattern for one that never matches; here it does not get into service.
	refused("(dog", "missing closing ): `(dog`")
	refused("dog***[)", "invalid nested repetition operator: `**`")
	refused("(?=d)o", "invalid or unsupported Perl syntax: `(?=`")
	refused("(?<!d)o", "invalid named capture: `(?<!d)o`")
	refused(`(d)\1`, "invalid escape sequence: `\\1`")
}

// TestVectorsNumbers: numbers as Unleash and LaunchDarkly compare them.
func TestVectorsNumbers(t *testing.T) {
	row := func(value, when string, want kleene) {
		t.Helper()
		if got := valueOf(t, wideSchema(t), when, request{fields: []string{"X-Age: " + value, "X-Score: " + value}}); got != want {
			t.Errorf("%s with %q is %v, want %v", when, value, got, want)
		}
	}
	row("7", "score == 7 and score == 7.0 and age == 7 and age == 7.0", isTrue)
	row("7.0", "score == 7", isTrue)
	row("8", "score != 7 and score > 7 and score >= 7 and age > 7 and age >= 8 and age < 9 and age <= 8", isTrue)
	row("7", "score > 7 or score < 7 or age > 7 or age < 7", isFalse)
	row("0", "score < 7 and age <= 7", isTrue)
	row("-3", "age < -2 and score < -2.5", isTrue)
	row("13", "12 < age < 16", isTrue)
	row("16", "12 < age < 16", isFalse)
	row("99.0001", "score > 99 and score != 99", isTrue)
	row("1e2", "score == 100", isTrue)
	row("9007199254740993", "age == 9007199254740993 and age != 9007199254740992", isTrue) // beyond a double's 53 bits
	// ours: the type is the schema's, so what is none of it is unknown; text is never taken for a number, nor a number for a text
	row("7.0", "age == 7", unknown)
	row("seven", "age == 7 or score == 7", unknown)
	row("NaN", "score > 0 or score <= 0", unknown)
	row("0x10", "age == 16", unknown)
	row("1_000", "age == 1000", unknown)
}
