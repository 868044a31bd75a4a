package match

import (
	"cmp"

	"github.com/cespare/xxhash/v2"
)

// assigning is what a [State] keeps for an experiment set.
type assigning struct {
	set      *ExperimentSet
	outcomes []outcome // by layer
	forced   uint64    // a bit for every layer whose variant is forced
	unitless uint64    // a bit for every layer whose outcome is ReasonMissingUnit

	// The queue is a bit for every experiment that has to be evaluated, by its rank, and a bit for every word of those that
	// has some: taken from it they come in order, at a cost that does not grow with the number of experiments.
	queued  []uint64
	summary []uint64

	// Every layer has an input of its own, for itself and then for the experiment. They are all written before the first is
	// hashed: a processor that reads what it has just written has to wait, which takes as long as the hash.
	inputs []input
	spare  input // for holdouts and exposures

	draws []draw // by holdout
	count uint32 // of requests
}

// outcome is what became of a request in a layer.
type outcome struct {
	rank    int32 // of the experiment, -1 is none
	variant int32 // where reason says that one was assigned
	other   int32 // ReasonMissingUnit: the attribute; ReasonDependency, ReasonExcluded: a rank; ReasonExposed: see Step.Other
	reason  Reason
}

// draw is the bucket of the request's unit in a holdout, -1 without a unit; valid for the request that count says.
type draw struct {
	count  uint32
	bucket int32
}

// NewState makes the state of one event loop.
func (xs *ExperimentSet) NewState() *State {
	words := (len(xs.trials) + 63) / 64
	return &State{assigning: &assigning{
		set:      xs,
		outcomes: make([]outcome, len(xs.layers)),
		queued:   make([]uint64, words),
		summary:  make([]uint64, (words+63)/64),
		inputs:   make([]input, len(xs.layers)),
		draws:    make([]draw, len(xs.holdouts)),
	}}
}

// begin forgets the request before.
func (s *assigning) begin() {
	s.forced, s.unitless = 0, 0
	if s.count++; s.count == 0 { // after four thousand million requests
		s.count = 1
		clear(s.draws)
	}
}

// queue has the experiment of a rank evaluated.
func (s *assigning) queue(rank uint16) {
	s.queued[rank/64] |= 1 << (rank % 64)
	s.summary[rank/4096] |= 1 << (rank / 64 % 64)
}

// assigned tells whether the experiment of a rank has assigned the request so far.
func (s *assigning) assigned(xs *ExperimentSet, rank uint16) bool {
	o := &s.outcomes[xs.trials[rank].layer]
	return o.rank == int32(rank) && o.reason.Assigned()
}

// holdoutBucket gives the bucket of the unit in a holdout, hashed once a request; -1 without a unit.
func (s *assigning) holdoutBucket(a *Attributes, xs *ExperimentSet, holdout int) int32 {
	d := &s.draws[holdout]
	if d.count != s.count {
		h := &xs.holdouts[holdout]
		d.count, d.bucket = s.count, -1
		if unit := unitOf(a, h.unit); unit != nil {
			d.bucket = int32(bucketOf(s.spare.hashOf(&h.prefix, unit)))
		}
	}
	return d.bucket
}

// unitOf gives the value of an attribute as a unit, nil if it is missing or too long to be one.
func unitOf(a *Attributes, attr int) []byte {
	if !a.read(attr) {
		return nil
	}
	text := a.slots[attr].text
	if len(text) == 0 || len(text) > MaxUnitBytes {
		return nil
	}
	return text
}

// prefix is what stands before a unit: a role and a salt with the zero byte behind it.
type prefix struct {
	text string
	tail [tailBytes]byte // the last bytes of text, with zeros before them if it is shorter: most are all in it
}

// tailBytes is long enough for the salts that people write, and short enough to be copied in two moves.
const tailBytes = 32

// newPrefix joins a role, a salt or else a name, and the zero byte.
func newPrefix(role, salt, name string) (p prefix) {
	p.text = role + cmp.Or(salt, name) + "\x00"
	tail := p.text[max(0, len(p.text)-tailBytes):]
	copy(p.tail[tailBytes-len(tail):], tail)
	return p
}

// input is what is hashed: the unit from unitAt on, and right before it a prefix, which can be changed alone.
type input struct {
	from, to int
	buf      [unitAt + MaxUnitBytes]byte
}

// unitAt leaves room for the longest prefix, rounded up to whole words.
const unitAt = (len(holdoutRole) + MaxSaltBytes + 1 + 7) &^ 7

func (in *input) setUnit(unit []byte) { in.to = unitAt + copy(in.buf[unitAt:], unit) }

func (in *input) setPrefix(p *prefix) {
	in.from = unitAt - len(p.text)
	*(*[tailBytes]byte)(in.buf[unitAt-tailBytes:]) = p.tail
	if len(p.text) > tailBytes {
		copy(in.buf[in.from:], p.text[:len(p.text)-tailBytes])
	}
}

// hash gives xxh64(prefix ‖ unit).
func (in *input) hash() uint64 { return xxhash.Sum64(in.buf[in.from:in.to]) }

func (in *input) hashOf(p *prefix, unit []byte) uint64 {
	in.setUnit(unit)
	in.setPrefix(p)
	return in.hash()
}
