package match

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// plainXXH64 is xxHash64 with seed 0 written from its specification (XXH64 algorithm description, steps 1 to 6), without
// regard to speed: the oracle for the library.
func plainXXH64(data []byte) uint64 {
	const (
		p1 = 0x9E3779B185EBCA87
		p2 = 0xC2B2AE3D27D4EB4F
		p3 = 0x165667B19E3779F9
		p4 = 0x85EBCA77C2B2AE63
		p5 = 0x27D4EB2F165667C5
	)
	round := func(acc, lane uint64) uint64 {
		return bits.RotateLeft64(acc+lane*p2, 31) * p1
	}
	var acc uint64
	rest := data
	if len(data) < 32 {
		acc = p5
	} else {
		var one, two uint64 = p1, p2
		accs := [4]uint64{one + two, p2, 0, -one}
		for len(rest) >= 32 {
			for lane := range accs {
				accs[lane] = round(accs[lane], binary.LittleEndian.Uint64(rest[lane*8:]))
			}
			rest = rest[32:]
		}
		for lane, rot := range []int{1, 7, 12, 18} {
			acc += bits.RotateLeft64(accs[lane], rot)
		}
		for _, a := range accs {
			acc = (acc^round(0, a))*p1 + p4
		}
	}
	acc += uint64(len(data))
	for len(rest) >= 8 {
		acc = bits.RotateLeft64(acc^round(0, binary.LittleEndian.Uint64(rest)), 27)*p1 + p4
		rest = rest[8:]
	}
	if len(rest) >= 4 {
		acc = bits.RotateLeft64(acc^uint64(binary.LittleEndian.Uint32(rest))*p1, 23)*p2 + p3
		rest = rest[4:]
	}
	for _, c := range rest {
		acc = bits.RotateLeft64(acc^uint64(c)*p5, 11) * p1
	}
	acc = (acc ^ acc>>33) * p2
	acc = (acc ^ acc>>29) * p3
	return acc ^ acc>>32
}

// plainBucket is the definition of a bucket in integers of any size: floor(h × 10⁶ / 2⁶⁴).
func plainBucket(salt, unit string) uint32 {
	h := new(big.Int).SetUint64(plainXXH64([]byte(salt + "\x00" + unit)))
	h.Mul(h, big.NewInt(1_000_000))
	return uint32(h.Rsh(h, 64).Uint64())
}

func TestPlainXXH64KnownVectors(t *testing.T) {
	check := func(in string, want uint64) {
		t.Helper()
		if got := plainXXH64([]byte(in)); got != want {
			t.Errorf("plainXXH64(%q) = %#x, want %#x", in, got, want)
		}
	}
	check("", 0xef46db3751d8e999)
	check("a", 0xd24ec4f1a98c6e5b)
	check("as", 0x1c330fb2d66be179)
	check("asd", 0x631c37ce72a97393)
	check("asdf", 0x415872f599cea71e)
	check("Call me Ishmael. Some years ago--never mind how long precisely-", 0x02a2e85470d6fd96)
}

func TestSlotKnownVectors(t *testing.T) {
	check := func(salt, unit string, want int) {
		t.Helper()
		prefix := newPrefix(layerRole, salt, "")
		got, plain := slotOf((&input{}).hashOf(&prefix, []byte(unit))), plainPlace("layer", salt, "", unit, 10_000)
		if got != want || plain != want {
			t.Errorf("slot of %q in %q: %d, plainly %d, want %d", unit, salt, got, plain, want)
		}
	}
	// As those of buckets, for ever.
	check("search", "u-1", 140)
	check("search", "u-19", 6812)
	check("l", "u-1", 3140)
	check("checkout", "user-42", 2127)
	check("größe", "日本", 9962)
	check("a", "6f1c2d0e-8a4b-4d0e-9a43-0c5b1f3f7d21", 2179)
	check(strings.Repeat("s", MaxSaltBytes), strings.Repeat("u", MaxUnitBytes), 5009)
}

func TestBucketKnownVectors(t *testing.T) {
	check := func(salt, unit string, want uint32) {
		t.Helper()
		if got := Bucket(salt, []byte(unit)); got != want {
			t.Errorf("Bucket(%q, %q) = %d, want %d", salt, unit, got, want)
		}
	}
	// Printed by plainBucket once: these must stay what they are for ever, or every user moves.
	check("rule:ramp", "1", 978509)
	check("rule:ramp", "user-42", 914776)
	check("layer:checkout", "user-42", 212780)
	check("exp:new-cart", "6f1c2d0e-8a4b-4d0e-9a43-0c5b1f3f7d21", 62955)
	check("holdout:2026", "anna@example.com", 862772)
	check("rule:größe", "日本", 202862)
	check("", "", 910959)
	check("rule:ramp", strings.Repeat("x", 600), 820071)
}

func TestBucketEqualsPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		salt := rapid.String().Draw(t, "salt")
		unit := string(rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "unit"))
		if got, want := Bucket(salt, []byte(unit)), plainBucket(salt, unit); got != want {
			t.Fatalf("Bucket(%q, %q) = %d, want %d", salt, unit, got, want)
		}
	})
}

// TestRuleBucketEqualsPlain asks a compiled rule, whose salt is joined ahead of time, instead of Bucket: a unit is in at
// its bucket + 1 ppm and out at its bucket.
func TestRuleBucketEqualsPlain(t *testing.T) {
	s := shopSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9-]{1,128}`).Draw(t, "name")
		salt := rapid.StringMatching(`[a-z]{0,10}`).Draw(t, "salt")
		unit := rapid.StringMatching(`[!-~]{1,256}`).Draw(t, "unit")
		word := salt
		if word == "" {
			word = name
		}
		b := plainBucket("rule:"+word, unit)
		in := Rule{Name: name, HasPercent: true, PPM: b + 1, By: "userid", Salt: salt}
		out := in
		out.Name, out.Salt, out.PPM = name+"2", word, b
		if len(out.Name) > MaxSaltBytes {
			t.Skip("the second name is too long")
		}
		rules, errs := CompileRules(s, []Rule{out, in})
		if errs != nil {
			t.Fatal(errs)
		}
		var a Attributes
		request{fields: []string{"X-User-Id: " + unit}}.load(&a, s)
		if got := rules.Decide(&a, rules.NewState()); got != 1 {
			t.Fatalf("bucket %d of %q: Decide = %d, want 1 (out at %d ppm, in at %d ppm)", b, unit, got, b, b+1)
		}
	})
}

// units are what people hash, by kind; each gives its n-th one.
var units = map[string]func(n int, r *rand.Rand) string{
	"sequential": func(n int, _ *rand.Rand) string { return fmt.Sprint(n) },
	"padded":     func(n int, _ *rand.Rand) string { return fmt.Sprintf("%016d", n) },
	"uuid": func(_ int, r *rand.Rand) string {
		a, b := r.Uint64(), r.Uint64()
		return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&(1<<48-1))
	},
	"email": func(n int, _ *rand.Rand) string { return fmt.Sprintf("user%d@mail%d.example.com", n, n%7) },
}

func TestBucketUniform(t *testing.T) {
	const n, cells = 1_000_000, 1000
	for kind, unit := range units {
		t.Run(kind, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var count [cells]float64
			for i := range n {
				count[Bucket("rule:ramp", []byte(unit(i, r)))/(PPM/cells)]++
			}
			chi2 := 0.0
			for _, c := range count {
				chi2 += (c - n/cells) * (c - n/cells) / (n / cells)
			}
			t.Logf("chi2 = %.1f", chi2)
			if chi2 < 731 || chi2 > 1267 {
				t.Errorf("chi2 of %d %s units in %d cells = %.1f, want 731 to 1267", n, kind, cells, chi2)
			}
		})
	}
}

// TestBucketsOfRulesAreIndependent lets 150 rules each take half of 50,000 units and compares every pair: with
// independence z² has the mean 1. The negative control, FNV-1a modulo 1000 as often used, must fail.
func TestBucketsOfRulesAreIndependent(t *testing.T) {
	const rules, n = 150, 50_000
	names := make([][]byte, n)
	for u := range names {
		names[u] = fmt.Append(nil, "user", u)
	}
	meanZ2 := func(in func(salt string, unit []byte) bool) (mean, worst float64) {
		sets := make([][]uint64, rules)
		sizes := make([]float64, rules)
		for r := range sets {
			sets[r] = make([]uint64, (n+63)/64)
			salt := fmt.Sprint("rule:r", r)
			for u, name := range names {
				if in(salt, name) {
					sets[r][u/64] |= 1 << (u % 64)
					sizes[r]++
				}
			}
		}
		pairs := 0.0
		for i := range sets {
			for j := range i {
				both := 0
				for w := range sets[i] {
					both += bits.OnesCount64(sets[i][w] & sets[j][w])
				}
				p, q := sizes[i]/n, sizes[j]/n
				z := (float64(both) - n*p*q) / math.Sqrt(n*p*q*(1-p)*(1-q))
				mean += z * z
				worst = max(worst, math.Abs(z))
				pairs++
			}
		}
		return mean / pairs, worst
	}
	mean, worst := meanZ2(func(salt string, unit []byte) bool { return Bucket(salt, unit) < PPM/2 })
	t.Logf("mean z² = %.4f, worst |z| = %.2f", mean, worst)
	// The mean of 11,175 squares has a standard deviation of 0.0134.
	if mean < 0.95 || mean > 1.05 || worst > 6.5 {
		t.Errorf("mean z² = %.4f, worst |z| = %.2f, want 0.95 to 1.05 and at most 6.5", mean, worst)
	}
	mean, worst = meanZ2(func(salt string, unit []byte) bool {
		h := uint64(14695981039346656037)
		for _, part := range [][]byte{unit, []byte(salt)} {
			for _, c := range part {
				h = (h ^ uint64(c)) * 1099511628211
			}
		}
		return h%1000 < 500
	})
	t.Logf("negative control: mean z² = %.4f, worst |z| = %.2f", mean, worst)
	if mean >= 0.95 && mean <= 1.05 && worst <= 6.5 {
		t.Errorf("the negative control passed: mean z² = %.4f, worst |z| = %.2f", mean, worst)
	}
}

func TestShareIsExactAndMonotone(t *testing.T) {
	s := shopSchema(t)
	steps := []uint32{0, 1, 100, 10_000, 50_000, 250_000, 500_000, 999_999, PPM}
	sets := make([]*RuleSet, len(steps))
	states := make([]*State, len(steps))
	for i, ppm := range steps {
		sets[i] = mustRules(t, s, Rule{Name: "ramp", HasPercent: true, PPM: ppm, By: "userid"})
		states[i] = sets[i].NewState()
	}
	const n = 50_000
	counts := make([]int, len(steps))
	var a Attributes
	for u := range n {
		request{fields: []string{fmt.Sprint("X-User-Id: ", u)}}.load(&a, s)
		was := false
		for i := range sets {
			in := sets[i].Decide(&a, states[i]) == 0
			if was && !in {
				t.Fatalf("unit %d is in at %d ppm and out at %d ppm", u, steps[i-1], steps[i])
			}
			if in {
				counts[i]++
			}
			was = in
		}
	}
	if counts[0] != 0 || counts[len(steps)-1] != n {
		t.Errorf("at 0 %% and 100 %%: %d and %d of %d units, want none and all", counts[0], counts[len(steps)-1], n)
	}
	for i, ppm := range steps {
		p := float64(ppm) / PPM
		if off := math.Abs(float64(counts[i]) - n*p); off > 5*math.Sqrt(n*p*(1-p))+1e-9 && off > 3 {
			t.Errorf("at %d ppm: %d of %d units", ppm, counts[i], n)
		}
	}
}

// TestShareDoesNotDependOnPosition compiles the same rule alone, last of many, and again as after a restart.
func TestShareDoesNotDependOnPosition(t *testing.T) {
	s := shopSchema(t)
	ramp := Rule{Name: "ramp", HasPercent: true, PPM: 300_000, By: "userid"}
	alone := mustRules(t, s, ramp)
	again := mustRules(t, shopSchema(t), ramp)
	renamed := ramp
	renamed.Name, renamed.Salt = "slope", "ramp"
	moved := mustRules(t, s,
		Rule{Name: "never", When: "os == 'beos'"}, Rule{Name: "none", HasPercent: true, By: "userid"}, renamed)
	var a, b Attributes
	for u := range 20_000 {
		req := request{fields: []string{fmt.Sprint("X-User-Id: u", u)}}
		req.load(&a, s)
		req.load(&b, again.schema)
		one, two, three := alone.Decide(&a, alone.NewState()), again.Decide(&b, again.NewState()), moved.Decide(&a, moved.NewState())
		if one != two || (one == 0) != (three == 2) {
			t.Fatalf("unit u%d: alone %d, compiled again %d, moved and renamed %d", u, one, two, three)
		}
	}
}

func TestMissingUnitIsNotInAnyShare(t *testing.T) {
	s := shopSchema(t)
	rs := mustRules(t, s, Rule{Name: "all", HasPercent: true, PPM: PPM, By: "userid"})
	check := func(unit string, want int) {
		t.Helper()
		var a Attributes
		request{fields: []string{"X-User-Id: " + unit}}.load(&a, s)
		if got := rs.Decide(&a, rs.NewState()); got != want {
			t.Errorf("unit of %d bytes at 100 %%: Decide = %d, want %d", len(unit), got, want)
		}
	}
	check("", -1)
	check("x", 0)
	check(strings.Repeat("x", MaxUnitBytes), 0)
	check(strings.Repeat("x", MaxUnitBytes+1), -1)
}
