package match

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// unmix64 undoes mix64.
func unmix64(z uint64) uint64 {
	unshift := func(z uint64, by int) uint64 { // undoes z ^ z>>by
		for out, i := z, 0; ; i++ {
			if i == 64/by {
				return out
			}
			out = z ^ out>>by
		}
	}
	inverse := func(odd uint64) uint64 { // modulo 2⁶⁴, by Newton
		x := odd
		for range 5 {
			x *= 2 - odd*x
		}
		return x
	}
	z = unshift(z, 31) * inverse(0x94d049bb133111eb)
	z = unshift(z, 27) * inverse(0xbf58476d1ce4e5b9)
	return unshift(z, 30)
}

// drawNumber gives a number of 53 bits: anything, one of any size, or one right beside where bounds of logarithms jump.
func drawNumber(r *rand.Rand) uint64 {
	const most = 1<<53 - 1
	switch r.IntN(4) {
	case 0:
		return r.Uint64N(1 << r.IntN(54))
	case 1:
		return most - r.Uint64N(1<<r.IntN(54))
	case 2:
		step := uint64(1) << r.IntN(53)
		return min(step+step>>fractionBits*r.Uint64N(1<<fractionBits)+r.Uint64N(5)-2, most)
	}
	return r.Uint64N(most + 1)
}

func TestBoundsOfLogarithms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	check := func(n uint64) {
		t.Helper()
		exact, low := -logOf(n)*logUnit, float64(lowLog(n))
		if low+1 > exact || exact > low+logSlack-1 {
			t.Fatalf("number %d: -ln(u) = %.3f units, want it well in %.0f to %.0f", n, exact, low, low+logSlack)
		}
	}
	for i := range 53 {
		check(1<<i - 1)
		check(1 << i)
	}
	check(1<<53 - 1)
	for range 2_000_000 {
		check(drawNumber(r))
	}
}

// The variant is that of logarithms, to the last bit: also where numbers, or scores, lie as close as can be.
func TestChooseArmIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	weights := []func() uint32{
		func() uint32 { return 1 + r.Uint32N(100) },
		func() uint32 { return 1 + r.Uint32()>>r.IntN(32) },
		func() uint32 { return 50 },
		func() uint32 { return math.MaxUint32 - r.Uint32N(3) },
	}
	const hash = 0x1234_5678_9abc_def0
	open := 0
	for range 1_000_000 {
		weight, arms := weights[r.IntN(len(weights))], make([]arm, 1+r.IntN(5))
		for i := range arms {
			n := drawNumber(r)
			w := weight()
			if i > 0 && r.IntN(4) == 0 { // as close as the first one's score as its own can get
				score := logOf(arms[0].number(hash)) / float64(arms[0].weight)
				n = uint64(min(max(math.Exp(score*float64(w))*(1<<53), 0), 1<<53-1))
			}
			arms[i] = arm{key: hash ^ unmix64(n<<11|r.Uint64N(1<<11)), weight: w, variant: int32(i)}
			if got := arms[i].number(hash); got != n {
				t.Fatalf("number %d, want %d", got, n)
			}
		}
		got, want := chooseArm(arms, hash), chooseByLogs(arms, hash)
		if got != want {
			t.Fatalf("variant %d of %s, want %d", got, printArms(arms, hash), want)
		}
		// The plain formula, but for scores that floats cannot tell apart.
		best, least, next := int32(-1), math.Inf(1), math.Inf(1)
		for i := range arms {
			s := arms[i].score(hash)
			if s < least {
				best, least, next = arms[i].variant, s, least
			} else {
				next = min(next, s)
			}
		}
		if next-least > 1e-12*next && got != best {
			t.Fatalf("variant %d of %s, want %d by the formula", got, printArms(arms, hash), best)
		}
		if next-least < 1e-3*next {
			open++
		}
	}
	if open < 10_000 {
		t.Errorf("%d close draws, want many more", open)
	}
}

func printArms(arms []arm, hash uint64) (out string) {
	for i := range arms {
		out += fmt.Sprintf("[number %d weight %d] ", arms[i].number(hash), arms[i].weight)
	}
	return out
}
