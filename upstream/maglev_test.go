package upstream

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func members(weights ...float64) []member {
	all := make([]member, len(weights))
	for i, w := range weights {
		all[i] = member{e: &Endpoint{Address: fmt.Sprintf("10.0.0.%d:80", i)}, due: w}
	}
	return all
}

func TestMaglevShares(t *testing.T) {
	row := func(weights ...float64) {
		all := members(weights...)
		table := newMaglev(all)
		total := 0.0
		for _, w := range weights {
			total += w
		}
		got := make([]int, len(weights))
		for _, i := range table.slots {
			got[i]++
		}
		for i, w := range weights {
			want := w / total * float64(len(table.slots))
			between(t, fmt.Sprintf("weights %v: slots of %d", weights, i), got[i], int(want)-1, int(want)+2)
		}
	}
	row(1)
	row(1, 1, 1)
	row(5, 1, 1, 3)
	row(1000, 1, 1)
}

// When one of many goes, its keys move and hardly any others; when it comes back, all is as before.
func TestMaglevDisruptsLittle(t *testing.T) {
	row := func(n, gone int, most float64) {
		weights := make([]float64, n)
		for i := range weights {
			weights[i] = 1
		}
		all := members(weights...)
		before := newMaglev(all)
		rest := append(append([]member{}, all[:gone]...), all[gone+1:]...)
		after := newMaglev(rest)
		random := rand.New(rand.NewPCG(3, 4))
		moved, keys := 0, 100_000
		for range keys {
			hash := random.Uint64()
			home := all[before.at(hash)].e
			if now := rest[after.at(hash)].e; home != all[gone].e && now != home {
				moved++
			}
		}
		if share := float64(moved) / float64(keys); share > most {
			t.Errorf("one of %d gone: %.2f %% of the keys of others moved, want at most %.2f %%", n, 100*share, 100*most)
		}
		if again := newMaglev(all); again.key != before.key || fmt.Sprint(again.slots[:500]) != fmt.Sprint(before.slots[:500]) {
			t.Errorf("the same %d endpoints: got another table", n)
		}
	}
	row(3, 1, 0.02)
	row(10, 4, 0.02)
	row(100, 50, 0.03)
}

func TestMaglevGoesByAddressAlone(t *testing.T) {
	c := settings(addresses(7)...)
	c.Balance.Kind = Consistent
	a := newRig(t, c, 1, "")
	for i, j := 0, 6; i < j; i, j = i+1, j-1 {
		c.Endpoints[i], c.Endpoints[j] = c.Endpoints[j], c.Endpoints[i]
	}
	b := newRig(t, c, 4, "")
	table := b.pool.state.roster.Load().tiers[0].table
	b.reload(c)
	if b.pool.state.roster.Load().tiers[0].table != table {
		t.Error("a reload that changes nothing: got a new table")
	}
	for key := range uint64(2000) {
		x, y := a.ask(), b.ask()
		x.Keyed, x.Hash, y.Keyed, y.Hash = true, mix(key), true, mix(key)
		_, home := a.begin(x)
		if _, other := b.begin(y); home != other {
			t.Fatalf("key %d: got %s here and %s at another gateway whose config has another order", key, home, other)
		}
	}
}

func TestNextPrime(t *testing.T) {
	for n, want := range map[int]int{3: 3, 4: 5, 9: 11, 65_537: 65_537, 1_000_000: 1_000_003} {
		if got := nextPrime(n); got != want {
			t.Errorf("from %d: got %d, want %d", n, got, want)
		}
	}
}

func TestAliasDraws(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	row := func(weights ...float64) {
		a := newAlias(weights)
		total := 0.0
		for _, w := range weights {
			total += w
		}
		got := make([]int, len(weights))
		const n = 100_000
		for range n {
			got[a.draw(random.Uint64())]++
		}
		for i, w := range weights {
			want := int(w / total * n)
			between(t, fmt.Sprintf("weights %v: %d", weights, i), got[i], want-650, want+650)
		}
		for _, extreme := range []uint64{0, 1<<64 - 1} {
			if i := a.draw(extreme); i < 0 || i >= len(weights) {
				t.Errorf("weights %v: the random number %d draws %d", weights, extreme, i)
			}
		}
	}
	row(1)
	row(1, 1, 1, 1)
	row(1, 2, 3, 4, 90)
	row(0.1, 1000, 0.1)
}
